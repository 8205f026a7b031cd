"""Clouds without the clouds: their providers answered in this process, or as plugins for the real engine."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlcloud.provider.protocol import provider_pb2_grpc

    ResourceProviderServicer = provider_pb2_grpc.ResourceProviderServicer

_CLOUDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "aws": ("aws", "docker-build"),
        "gcp": ("gcp", "docker-build"),
        "azure": ("azure-native", "docker-build"),
    }
)
"""A cloud to the packages of the providers that its stacks need."""

_CLASSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "aws": ("mlcloud.simulated.aws", "SimulatedAws"),
        "gcp": ("mlcloud.simulated.gcp", "SimulatedGcp"),
        "azure-native": ("mlcloud.simulated.azure", "SimulatedAzure"),
        "docker-build": ("mlcloud.simulated.docker_build", "SimulatedDockerBuild"),
        "mlcloud": ("mlcloud.simulated.own", "SimulatedOwn"),
    }
)
"""A package to the module and class of its simulated provider."""


def providers_for(cloud: str, *, own: bool = False) -> "Mapping[str, type[ResourceProviderServicer]]":
    """The simulated providers that a stack on this cloud needs, as the embedded engine takes them.

    Package to a class: each provider instance gets an object of its own. Empty for ``local``, whose only
    provider is our own and real.

    Args:
        cloud: The cloud's name, as settings have it.
        own: Whether our own provider is simulated too, so that a preview knows what a run would give out, and
            an apply needs no cloud. Without it, the real one is asked: a preview then says what is certain.
    """
    needed = _CLOUDS.get(cloud, ())
    if own and needed:
        needed = (*needed, "mlcloud")
    return {package: provider_class(package) for package in needed}


def packages() -> tuple[str, ...]:
    """The packages that have a simulated provider."""
    return tuple(_CLASSES)


def provider_class(package: str) -> "type[ResourceProviderServicer]":
    """The simulated provider of a package; only its module is imported.

    Raises:
        KeyError: when there is none.
    """
    module, name = _CLASSES[package]
    found: type[ResourceProviderServicer] = getattr(importlib.import_module(module), name)
    return found
