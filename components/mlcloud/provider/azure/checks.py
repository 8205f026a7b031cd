"""Checks that several resources of Azure share, one value each.

Forms and limits are those of https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
and of the models of the API 2025-12-01, where nothing else is named.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

# A job's name is its id in the workspace: 255 of letters, digits, - and _.
LONGEST_NAME: Final = 255
_GUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MOST_TAGS: Final = 45


def name_of_at_most(longest: int) -> Callable[[str], str | None]:
    """A name that works as an identifier and as a tag's value, of at most so many characters."""

    def check(value: str) -> str | None:
        if len(value) <= longest and re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", value):
            return None
        return f'"{value}" is not a name: 1 to {longest} of a-z, 0-9 and -, a letter first, no - at the end.'

    return check


def subscription(value: str) -> str | None:
    """A subscription's id."""
    if re.fullmatch(_GUID, value):
        return None
    return f'"{value}" is not a subscription: give its id, such as 00000000-0000-0000-0000-000000000000.'


def client_id(value: str) -> str | None:
    """The client id of an identity."""
    if re.fullmatch(_GUID, value):
        return None
    return f'"{value}" is not a client id, such as 00000000-0000-0000-0000-000000000000.'


def resource_group(value: str) -> str | None:
    """The name of a resource group."""
    if re.fullmatch(r"[\w().-]{0,89}[\w()-]", value):
        return None
    return f'"{value}" is not a resource group: 1 to 90 of letters, digits, . _ - ( ), no dot at the end.'


def workspace(value: str) -> str | None:
    """The name of an Azure ML workspace."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}", value):
        return None
    return f'"{value}" is not a workspace: 3 to 33 of letters, digits, - and _, no sign first.'


def datastore(value: str) -> str | None:
    """The name of a datastore of a workspace (https://learn.microsoft.com/azure/machine-learning/reference-yaml-datastore-blob)."""
    if re.fullmatch(r"[a-z0-9_]{1,255}", value):
        return None
    return f'"{value}" is not a datastore: 1 to 255 of a-z, 0-9 and _.'


def vault(value: str) -> str | None:
    """The name of a key vault."""
    if re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]", value):
        return None
    return f'"{value}" is not a vault: 3 to 24 of letters, digits and -, a letter first, no - at the end.'


def region(value: str) -> str | None:
    """A region's short name."""
    if re.fullmatch(r"[a-z][a-z0-9]{2,40}", value):
        return None
    return f'"{value}" is not a region: give its short name, such as westeurope.'


def blob_uri(value: str) -> str | None:
    """An address in Blob Storage (https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata)."""
    form = r"https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9]([a-z0-9-]{1,61})[a-z0-9](/[^?#]*)?"
    if len(value) <= 1024 and re.fullmatch(form, value):
        return None
    return (
        f'"{value}" is not an address in Blob Storage: '
        "https://<account>.blob.core.windows.net/<container>/<blob>, at most 1024 characters."
    )


def account(value: str) -> str | None:
    """The name of a storage account."""
    if re.fullmatch(r"[a-z0-9]{3,24}", value):
        return None
    return f'"{value}" is not a storage account: 3 to 24 of a-z and 0-9.'


def container(value: str) -> str | None:
    """The name of a blob container."""
    if re.fullmatch(r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]", value):
        return None
    return f'"{value}" is not a container: 3 to 63 of a-z, 0-9 and -, no two - together, none at the ends.'


def resource_id(provider: str, *collections: str) -> Callable[[str], str | None]:
    """The id of a resource of a provider, such as `Microsoft.MachineLearningServices`, `workspaces`."""
    names = "".join(f"/{item}/<name>" for item in collections)
    form = f"/subscriptions/<subscription>/resourceGroups/<group>/providers/{provider}{names}"
    # Azure compares ids without regard to case.
    parts = "".join(f"/{item}/[^/]+" for item in collections)
    pattern = f"/subscriptions/{_GUID}/resourceGroups/[^/]+/providers/{re.escape(provider)}{parts}"

    def check(value: str) -> str | None:
        return None if re.fullmatch(pattern, value, re.IGNORECASE) else f'"{value}" is not {form}.'

    return check


def login_server(value: str) -> str | None:
    """The address of a container registry, without a scheme."""
    if re.fullmatch(r"[a-zA-Z0-9]{5,50}(-[a-z0-9]+)?\.azurecr\.io", value):
        return None
    return f'"{value}" is not a registry: <name>.azurecr.io.'


def instance_type(value: str) -> str | None:
    """A size of virtual machines; which there are differs by region and changes, so the API decides."""
    if re.fullmatch(r"[Ss]tandard_[A-Za-z0-9_-]+", value):
        return None
    return f'"{value}" is not a machine size, such as Standard_DS3_v2.'


def between(lowest: float, highest: float) -> Callable[[float], str | None]:
    """A number in a range, both ends allowed."""

    def check(value: float) -> str | None:
        return None if lowest <= value <= highest else f"{value:g} is not from {lowest:g} to {highest:g}."

    return check


def one_of(allowed: Sequence[str]) -> Callable[[str], str | None]:
    """One of a few words."""

    def check(value: str) -> str | None:
        return None if value in allowed else f'"{value}" is none of {", ".join(allowed)}.'

    return check


def tags(value: Mapping[str, str]) -> str | None:
    """Tags: 50 with ours (https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources)."""
    wrong = [
        key
        for key, text in value.items()
        if not re.fullmatch(r"[^<>%&\\?/]{1,512}", key) or len(text) > 256 or key.startswith("mlcloud_")
    ]
    if wrong:
        return (
            f"{', '.join(wrong)}: a tag has a key of 1 to 512 characters without < > % & \\ ? / and a value "
            "of at most 256, and does not begin with `mlcloud_`."
        )
    return None if len(value) <= _MOST_TAGS else f"{len(value)} are too many: at most {_MOST_TAGS}."
