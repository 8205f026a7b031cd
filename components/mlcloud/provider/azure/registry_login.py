"""A registry's own token, for tools that push images and know no Entra tokens.

https://azure.github.io/acr/AAD-OAuth.html: an Entra token is exchanged for a refresh token, which is the
password of a user with the name of zeros, and is good for three hours.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from mlcloud.provider.azure import checks
from mlcloud.provider.azure.addresses import REGISTRY, endpoint
from mlcloud.provider.azure.clients import clients_in
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

USERNAME: Final = "00000000-0000-0000-0000-000000000000"
_VALID_S: Final = 3 * 3600
# Building and pushing an image has to fit into what is left.
_LEAST_S: Final = 3600


@dataclass(frozen=True, kw_only=True)
class AzureRegistryLoginInputs:
    """What a login is made from.

    Attributes:
        login_server: the registry's address, `<name>.azurecr.io`.
    """

    login_server: str = field(metadata=options(replace=True, check=checks.login_server))


@dataclass(frozen=True, kw_only=True)
class AzureRegistryLoginOutputs:
    """What a login offers.

    Attributes:
        username: the user's name, the same for everybody.
        password: the refresh token, a secret; good for three hours.
        expires_s: when it expires, in seconds since 1970.
    """

    username: str = field(metadata=options(stable=True))
    password: str = field(metadata=options(secret=True))
    expires_s: int


class AzureRegistryLogin(
    Resource[AzureRegistryLoginInputs, AzureRegistryLoginOutputs], token="mlcloud:azure:RegistryLogin"
):
    """Exchanges the default credentials for a registry's own token, with which an image is pushed."""

    @override
    def preview(
        self, new: AzureRegistryLoginInputs, old: AzureRegistryLoginOutputs | None
    ) -> Mapping[str, object]:
        """The name is certain, and a token that is still good stays."""
        return vars(old) if old is not None and _is_good(old) else {"username": USERNAME}

    @override
    def drift(self, identifier: str, outputs: AzureRegistryLoginOutputs) -> Sequence[str]:
        """A token that will not last for another push is exchanged anew."""
        return () if _is_good(outputs) else ("password", "expires_s")

    @override
    def create(
        self, context: Context, new: AzureRegistryLoginInputs
    ) -> tuple[str, AzureRegistryLoginOutputs]:
        """Ask the registry."""
        return new.login_server, _exchange(new)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: AzureRegistryLoginInputs,
        outputs: AzureRegistryLoginOutputs,
    ) -> AzureRegistryLoginOutputs | None:
        """A registry tells nothing about the tokens that it gave."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureRegistryLoginInputs,
        outputs: AzureRegistryLoginOutputs,
        new: AzureRegistryLoginInputs,
    ) -> AzureRegistryLoginOutputs:
        """Ask the registry again."""
        return _exchange(new)

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureRegistryLoginOutputs) -> None:
        """Nothing to do: a token expires by itself."""


def _is_good(outputs: AzureRegistryLoginOutputs) -> bool:
    return outputs.expires_s - time.time() > _LEAST_S


def _exchange(new: AzureRegistryLoginInputs) -> AzureRegistryLoginOutputs:
    clients, asked_s = clients_in(), int(time.time())
    form = {
        "grant_type": "access_token",
        "service": new.login_server,
        "access_token": clients.token(REGISTRY),
    }
    address = f"{endpoint('registry', new.login_server)}/oauth2/exchange"
    told = clients.post(address, version=None, scope=None, form=form, repeat=True).body
    token = told.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise ResourceError(f"{new.login_server} answered no refresh token.")
    return AzureRegistryLoginOutputs(username=USERNAME, password=token, expires_s=asked_s + _VALID_S)
