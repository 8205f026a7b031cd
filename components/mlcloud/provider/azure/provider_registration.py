"""Resource providers that a subscription needs registered for what Azure's own services make.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types. What is
declared is registered by pulumi-azure-native when it is first used; what Azure ML makes behind a workspace or
an endpoint is not.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from mlcloud.provider.azure import checks
from mlcloud.provider.azure.clients import AzureError, Clients, clients_in
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

# https://learn.microsoft.com/rest/api/resources/providers/register
_VERSION: Final = "2021-04-01"
_REGISTERED: Final = "Registered"
_DENIED: Final = 403
# It takes minutes as a rule.
_LIMIT_S: Final = 1800.0
_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 10.0
_POLL_GROWTH: Final = 1.5


def _namespaces(value: Sequence[str]) -> str | None:
    wrong = [name for name in value if not re.fullmatch(r"[A-Za-z]+(\.[A-Za-z0-9]+)+", name)]
    if value and not wrong:
        return None
    told = ", ".join(f'"{name}"' for name in wrong) or "Nothing"
    return f"{told} is no resource provider: give names such as Microsoft.Cdn."


@dataclass(frozen=True, kw_only=True)
class AzureProviderRegistrationInputs:
    """What is registered, and where.

    Attributes:
        subscription: id of the subscription.
        namespaces: names of the resource providers, such as `Microsoft.Cdn`.
    """

    subscription: str = field(metadata=options(replace=True, check=checks.subscription))
    namespaces: list[str] = field(metadata=options(check=_namespaces))


@dataclass(frozen=True, kw_only=True)
class AzureProviderRegistrationOutputs:
    """What is there then.

    Attributes:
        registered: names of the resource providers that the subscription has registered.
    """

    registered: list[str]


class AzureProviderRegistration(
    Resource[AzureProviderRegistrationInputs, AzureProviderRegistrationOutputs],
    token="mlcloud:azure:ProviderRegistration",
    delete_before_replace=False,
):
    """Registers a subscription for resource providers; never the other way: others in it may use them."""

    @override
    def preview(
        self, new: AzureProviderRegistrationInputs, old: AzureProviderRegistrationOutputs | None
    ) -> Mapping[str, object]:
        """What will be registered."""
        del old
        return {"registered": new.namespaces}

    @override
    def create(
        self, context: Context, new: AzureProviderRegistrationInputs
    ) -> tuple[str, AzureProviderRegistrationOutputs]:
        """Register what is not yet, and wait until it is.

        Raises:
            ResourceError: Azure refused it, or it took half an hour.
        """
        return new.subscription, _register(context, new)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: AzureProviderRegistrationInputs,
        outputs: AzureProviderRegistrationOutputs,
    ) -> AzureProviderRegistrationOutputs:
        """They stay registered: looking needs a right on the subscription that later deployers lack."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureProviderRegistrationInputs,
        outputs: AzureProviderRegistrationOutputs,
        new: AzureProviderRegistrationInputs,
    ) -> AzureProviderRegistrationOutputs:
        """Register what is new."""
        return _register(context, new)

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureProviderRegistrationOutputs) -> None:
        """Leave them registered: that costs nothing, and others in the subscription may use them."""


def _register(context: Context, new: AzureProviderRegistrationInputs) -> AzureProviderRegistrationOutputs:
    clients = clients_in(new.subscription)
    waiting = [name for name in new.namespaces if _state(clients, name) != _REGISTERED]
    for name in waiting:
        try:
            clients.post(f"{_path(clients, name)}/register", version=_VERSION, repeat=True)
        except AzureError as error:
            if error.status != _DENIED:
                raise
            raise ResourceError(
                f"namespaces: the credentials in use may not register {name} in {new.subscription}. Let an "
                f"owner do it once, `az provider register --namespace {name} --subscription "
                f"{new.subscription} --wait`, and run the update again."
            ) from None
    deadline, poll_s = time.monotonic() + _LIMIT_S, _FIRST_POLL_S
    while waiting := [name for name in waiting if _state(clients, name) != _REGISTERED]:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"Registering {', '.join(waiting)} took longer than {_LIMIT_S:g} s; it goes on in Azure. Run "
                "the update again later."
            )
        context.log(f"Waiting until {', '.join(waiting)} is registered.", ephemeral=True)
        context.pause(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
    return AzureProviderRegistrationOutputs(registered=new.namespaces)


def _state(clients: Clients, name: str) -> str:
    return str(clients.get(_path(clients, name), version=_VERSION).get("registrationState", ""))


def _path(clients: Clients, name: str) -> str:
    return f"/subscriptions/{clients.subscription}/providers/{name}"
