"""Where Azure's services are, what their tokens are for, and which hosts may be given one.

A token is good for whoever has it. Some addresses are told by answers (a next page, an operation, a job's
run history, an endpoint's scoring address): a token goes to the hosts of its own service alone, which
https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall lists, and to
addresses that the environment names.
"""

import os
from typing import Final
from urllib.parse import urlsplit

from mlcloud.provider.errors import ResourceError

MANAGEMENT: Final = "https://management.azure.com/.default"
# What tokens for the data plane of Azure ML are for: run history, and predictions
# (https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint).
MACHINE_LEARNING: Final = "https://ml.azure.com/.default"
STORAGE: Final = "https://storage.azure.com/.default"
# What the exchange for a registry's own token asks for; it is sent in a form, by `registry_login` alone.
REGISTRY: Final = "https://containerregistry.azure.net/.default"
# A host is one of these, or below one.
_HOSTS: Final = {
    MANAGEMENT: ("management.azure.com",),
    MACHINE_LEARNING: ("inference.ml.azure.com", "api.azureml.ms"),
    STORAGE: ("blob.core.windows.net",),
}
# Addresses of one's own, for private access and tests.
_OVERRIDE: Final = "MLCLOUD_AZURE_ENDPOINT_"
_SERVICES: Final = ("management", "blob", "registry", "ml")


def url(path: str) -> str:
    """The address of a path of Azure Resource Manager; a whole address is one already."""
    return path if path.startswith("https://") else f"{endpoint('management', 'management.azure.com')}{path}"


def endpoint(service: str, host: str) -> str:
    """The address of a service, without a slash at the end.

    Args:
        service: `management`, `blob` or `registry`.
        host: its public name.

    Raises:
        ResourceError: the variable that names another is no `https://` address: tokens would go in the clear.
    """
    return _override(service) or f"https://{host}"


def stranger(address: str, scope: str) -> str | None:
    """Why an address may not be given a token; None where it may.

    Args:
        address: where the token would go.
        scope: what it is for, such as `MANAGEMENT`.
    """
    parts = urlsplit(address)
    hosts = _HOSTS.get(scope, ())
    host = parts.hostname or ""
    if parts.scheme == "https" and any(host == known or host.endswith(f".{known}") for known in hosts):
        return None
    own = (_override(service) for service in _SERVICES)
    if parts.scheme == "https" and parts.netloc in [urlsplit(item).netloc for item in own if item]:
        return None
    known = " or ".join(hosts) or "known"
    return (
        f"{parts.scheme}://{host} is not an https:// address below {known}: no token is sent there. An "
        f"address of your own is told by {_OVERRIDE}ML or its siblings."
    )


def _override(service: str) -> str | None:
    variable = f"{_OVERRIDE}{service.upper()}"
    override = os.environ.get(variable)
    if override and not override.startswith("https://"):
        raise ResourceError(f"{variable}: {override!r} does not begin with https://.")
    return override.rstrip("/") if override else None
