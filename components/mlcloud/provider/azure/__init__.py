"""The resources of Azure that its own provider lacks: training runs, traffic, logins, blobs, free names."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcloud.provider.resource import Resource


def resources() -> "list[Resource[Any, Any]]":
    """One of each kind. None of them imports azure-core before an operation needs it."""
    return []
