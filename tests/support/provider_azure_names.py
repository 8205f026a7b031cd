"""Vaults and workspaces of the fake Azure, which keep their names for a while after they were deleted.

A deleted vault is listed by its own call, and purge protection keeps it; a deleted workspace is on the
subscription's list alone, and its own address says that there is none.
"""

from collections.abc import Callable
from typing import Any

from support.provider_azure_answers import Answer, missing, not_now, user_error

_VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{vault}"
_DELETED = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_VERSION = "2023-07-01"


class Names:
    """Vaults and workspaces by path; what was deleted, and still holds its name, is in `deleted`."""

    def __init__(self, url: Callable[[], str]) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.deleted: dict[str, dict[str, Any]] = {}
        # How a deleted workspace is told on the list: its state, or as if nothing were.
        self.deleted_state = "Succeeded"
        # Whether a deleted workspace's own address still answers.
        self.is_answered = False
        self._url = url

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        place = f"{_DELETED}/locations/{{region}}/deletedVaults/{{vault}}"
        return {
            f"vaults_put PUT {_VAULTS}": self._put,
            f"vaults_delete DELETE {_VAULTS}": self._delete,
            f"deleted_vaults_list GET {_DELETED}/deletedVaults": self._list_vaults,
            f"deleted_vaults_purge POST {place}/purge": self._purge_vault,
            "workspaces_create_or_update": self._put,
            "workspaces_get": self._get,
            "workspaces_delete": self._delete,
            "workspaces_list_by_subscription": self._list_workspaces,
        }

    def _held(self, path: str) -> dict[str, Any] | None:
        """What is deleted and has this name: a vault's is Azure's only one."""
        name = path.rsplit("/", 1)[-1]
        return next(
            (
                item
                for place, item in self.deleted.items()
                if place == path or ("/vaults/" in path and place.endswith(f"/vaults/{name}"))
            ),
            None,
        )

    def _put(self, request: Any) -> Answer:
        path = request.path
        if self._held(path) is not None:
            if "/vaults/" in path:
                raise not_now("A vault with the same name already exists in deleted state.")
            raise user_error("Soft-deleted workspace exists. Please purge or recover it.")
        told = {"id": path, "name": path.rsplit("/", 1)[-1], **request.body}
        told["properties"] = {**request.body.get("properties", {}), "provisioningState": "Succeeded"}
        known = path in self.live
        self.live[path] = told
        return Answer(200 if known else 201, told)

    def _get(self, request: Any) -> dict[str, Any]:
        found = self.live.get(request.path)
        if found is None and self.is_answered:
            found = self.deleted.get(request.path)
        if found is None:
            raise missing(request.path)
        return found

    def _delete(self, request: Any) -> Answer:
        path, purge = request.path, request.query.get("forceToPurge") == "true"
        if purge and path in self.deleted:
            del self.deleted[path]
            return Answer(200, {})
        if path not in self.live:
            return Answer(204, b"")
        gone = self.live.pop(path)
        if not purge:
            self.deleted[path] = gone
        return Answer(200, {})

    def _list_vaults(self, request: Any) -> dict[str, Any]:
        if request.query.get("api-version") != _VERSION:
            raise user_error(f"{request.query} is not a question of {_VERSION}.")
        found = [self._deleted_vault(path) for path in self.deleted if "/vaults/" in path]
        return self._page(found, request)

    def _deleted_vault(self, path: str) -> dict[str, Any]:
        vault = self.deleted[path]
        told = {
            "vaultId": path,
            "location": vault["location"],
            "deletionDate": "2026-01-01T00:00:00Z",
            "scheduledPurgeDate": "2026-04-01T00:00:00Z",
        }
        if vault["properties"].get("enablePurgeProtection"):
            told["purgeProtectionEnabled"] = True
        return {"name": vault["name"], "type": "Microsoft.KeyVault/deletedVaults", "properties": told}

    def _purge_vault(self, request: Any) -> Answer:
        name = request.given["vault"]
        path = next((path for path in self.deleted if path.endswith(f"/vaults/{name}")), None)
        if path is None:
            raise missing(name)
        if self.deleted[path]["properties"].get("enablePurgeProtection"):
            raise not_now("Purge is not allowed: the vault has purge protection.")
        del self.deleted[path]
        return Answer(200, {})

    def _list_workspaces(self, request: Any) -> dict[str, Any]:
        gone = [item for path, item in self.deleted.items() if "/workspaces/" in path]
        for item in gone:
            item["properties"]["provisioningState"] = self.deleted_state
        live = [item for path, item in self.live.items() if "/workspaces/" in path]
        return self._page([*live, *gone], request)

    def _page(self, items: list[dict[str, Any]], request: Any) -> dict[str, Any]:
        start = int(request.query.get("$skip", 0))
        told: dict[str, Any] = {"value": items[start : start + 1]}
        if start + 1 < len(items):
            version = request.query["api-version"]
            told["nextLink"] = f"{self._url()}{request.path}?api-version={version}&$skip={start + 1}"
        return told
