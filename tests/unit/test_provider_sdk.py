"""The typed resources of the program's side say what the provider's dataclasses say."""

import inspect
import types
import typing
from collections.abc import Awaitable
from typing import Any

import mlcloud
import pulumi
import pytest
from mlcloud.aws import resources as aws_resources
from mlcloud.azure import resources as azure_resources
from mlcloud.gcp import resources as gcp_resources
from mlcloud.local import resources as local_resources
from mlcloud.provider import aws, azure, gcp, local, sdk
from mlcloud.provider.fields import fields_of
from mlcloud.provider.resource import Resource

KINDS = [*local.resources(), *aws.resources(), *gcp.resources(), *azure.resources()]
PACKAGES = {
    "local": local_resources,
    "aws": aws_resources,
    "gcp": gcp_resources,
    "azure": azure_resources,
}


def sdk_class(kind: Resource[Any, Any]) -> type[pulumi.CustomResource]:
    return getattr(PACKAGES[kind.definition.token.split(":")[1]], type(kind).__name__)


def plain(hint: Any) -> set[Any]:
    """An SDK type without `Input`, `Awaitable`, `Output`, `None`, and with the provider's containers."""
    origin = typing.get_origin(hint)
    if hint is type(None):
        return set()
    if origin in (typing.Union, types.UnionType):
        return {kind for member in typing.get_args(hint) for kind in plain(member)}
    if origin in (pulumi.Output, Awaitable):
        return plain(typing.get_args(hint)[0])
    if origin is not None and typing.get_args(hint):
        (member,) = plain(typing.get_args(hint)[-1])
        if len(typing.get_args(hint)) == 2:
            return {dict[str, member]}
        return {list[member]}
    return {hint}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.definition.token)
def test_keywords_are_the_inputs_with_their_types_and_needs(kind: Resource[Any, Any]) -> None:
    constructor = sdk_class(kind).__init__
    hints = typing.get_type_hints(constructor, localns={"Output": pulumi.Output, "T": type(None)})
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(constructor).parameters.items()
        if name not in ("self", "resource_name", "opts")
    }
    fields = fields_of(kind.definition.inputs)
    assert list(parameters) == [field.name for field in fields]
    for field in fields:
        assert (parameters[field.name].default is inspect.Parameter.empty) == field.required, field.name
        assert plain(hints[field.name]) == plain(field.type), field.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.definition.token)
def test_attributes_are_the_outputs_with_their_types(kind: Resource[Any, Any]) -> None:
    described = sdk_class(kind)
    hints = inspect.get_annotations(described)
    fields = fields_of(kind.definition.outputs)
    assert set(hints) == {field.name for field in fields}
    for field in fields:
        assert plain(hints[field.name]) == plain(field.type), field.name
    names = pulumi._types.resource_pulumi_to_py_names(described)
    assert {field.wire: field.name for field in fields}.items() <= names.items()


def test_every_resource_asks_for_the_plugin_of_this_package() -> None:
    from importlib.metadata import version

    assert version(mlcloud.__name__) == sdk.PLUGIN_VERSION
