"""The model registry of the fake Vertex AI: models with versions, aliases and labels.

Its rules are those of https://cloud.google.com/vertex-ai/docs/model-registry/versioning and of the
documents: one default version at any time, nothing deleted that is deployed, the last version with its model.
"""

import itertools
from collections.abc import Callable
from typing import Any

from support.provider_gcp_answers import RefusedCall, missing, not_now
from support.provider_gcp_operations import Operations

_TIME = "2026-01-01T00:00:00Z"
_OF_A_VERSION = {"versionDescription", "labels"}
_OF_A_MODEL = {"displayName", "description", "labels"}


class Models:
    """All models: versions by number, by full name."""

    def __init__(self, operations: Operations) -> None:
        self.all: dict[str, dict[str, dict[str, Any]]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.upload_failure: str | RefusedCall | None = None
        self._operations = operations
        self._ids = itertools.count(500)

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "models.upload": self._upload,
            "models.get": lambda request: self.find(request.given["name"]),
            "models.list": lambda request: {"models": [self.find(name) for name in self.all]},
            "models.listVersions": self._list_versions,
            "models.patch": self._patch,
            "models.mergeVersionAliases": self._merge,
            "models.delete": self._delete,
            "models.deleteVersion": self._delete_version,
        }

    def versions(self, name: str) -> list[str]:
        return sorted(self.all.get(name, {}))

    def find(self, name: str) -> dict[str, Any]:
        """A version with where it is deployed; without a number, the default one."""
        model, _, number = name.partition("@")
        versions = self.all.get(model, {})
        if number and not number.isdigit():
            number = next((key for key, item in versions.items() if number in item["versionAliases"]), "")
        if not number and versions:
            number = next(key for key, item in versions.items() if "default" in item["versionAliases"])
        if number not in versions:
            raise missing(name)
        pointers = [
            {"endpoint": endpoint["name"], "deployedModelId": item["id"]}
            for endpoint in self.endpoints.values()
            for item in endpoint.get("deployedModels", [])
            if (item["model"], item["modelVersionId"]) == (model, number)
        ]
        return {**versions[number], "name": model, **({"deployedModels": pointers} if pointers else {})}

    def _upload(self, request: Any) -> dict[str, Any]:
        body, location = request.body, request.given["parent"]
        if "modelId" in body and "parentModel" not in body:
            name = f"{location}/models/{body['modelId']}"
            if name in self.all:
                raise RefusedCall(409, "ALREADY_EXISTS", f"{name} exists already.")
        else:
            name = body.get("parentModel") or f"{location}/models/{next(self._ids)}"
            if "parentModel" in body and name not in self.all:
                raise missing(name)

        def carry_out() -> dict[str, Any]:
            failure, self.upload_failure = self.upload_failure, None
            if failure is not None:
                raise failure if isinstance(failure, RefusedCall) else not_now(failure)
            versions = self.all.setdefault(name, {})
            number = str(max(map(int, versions), default=0) + 1)
            aliases = set(body["model"].get("versionAliases", [])) | (set() if versions else {"default"})
            self._take(versions, aliases)
            told = {"versionId": number, "versionAliases": sorted(aliases), "versionCreateTime": _TIME}
            told |= {"createTime": _TIME, "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"]}
            versions[number] = {"labels": {}, **body["model"], **told}
            return {
                "@type": "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse",
                "model": name,
                "modelVersionId": number,
            }

        return self._operations.start(name, carry_out, "UploadModel")

    def _take(self, versions: dict[str, dict[str, Any]], aliases: set[str]) -> None:
        for item in versions.values():
            item["versionAliases"] = sorted(set(item["versionAliases"]) - aliases)

    def _list_versions(self, request: Any) -> dict[str, Any]:
        name = request.given["name"]
        if name not in self.all:
            raise missing(name)
        return {"models": [self.find(f"{name}@{number}") for number in self.all[name]]}

    def _patch(self, request: Any) -> dict[str, Any]:
        name, mask = request.given["name"], set(request.query["updateMask"].split(","))
        model, _, number = name.partition("@")
        allowed = _OF_A_VERSION if number else _OF_A_MODEL
        if not mask <= allowed:
            raise RefusedCall(400, "INVALID_ARGUMENT", f"{sorted(mask - allowed)} cannot be updated here.")
        self.find(name)
        for key in [number] if number else self.all[model]:
            self.all[model][key] |= {field: request.body.get(field) for field in mask}
        return self.find(name)

    def _merge(self, request: Any) -> dict[str, Any]:
        model, _, number = request.given["name"].partition("@")
        self.find(request.given["name"])
        aliases = request.body["versionAliases"]
        added = {alias for alias in aliases if not alias.startswith("-")}
        removed = {alias[1:] for alias in aliases if alias.startswith("-")}
        if "default" in removed:
            raise not_now("A model has a default version at any time.")
        self._take(self.all[model], added)
        version = self.all[model][number]
        version["versionAliases"] = sorted((set(version["versionAliases"]) | added) - removed)
        return self.find(request.given["name"])

    def _delete(self, request: Any) -> dict[str, Any]:
        name = request.given["name"]
        if name not in self.all:
            raise missing(name)
        for number in self.all[name]:
            self._refuse_if_deployed(f"{name}@{number}")
        return self._operations.start(request.given["name"], lambda: self.all.pop(name, {}) and {}, "Delete")

    def _delete_version(self, request: Any) -> dict[str, Any]:
        model, _, number = request.given["name"].partition("@")
        version = self.find(request.given["name"])
        self._refuse_if_deployed(request.given["name"])
        if len(self.all[model]) == 1:
            raise not_now("The only version of a model cannot be deleted: delete the model.")
        if "default" in version["versionAliases"]:
            raise not_now("The default version cannot be deleted.")
        return self._operations.start(model, lambda: self.all[model].pop(number, {}) and {}, "Delete")

    def _refuse_if_deployed(self, name: str) -> None:
        if self.find(name).get("deployedModels"):
            raise not_now(f"{name} has deployed models and cannot be deleted.")
