"""Endpoints of the fake Vertex AI: deployed models, traffic, predictions.

Its rules are the documents': shares add up to 100, nothing with traffic is undeployed unless it is the last,
what is immutable in a deployed model is not mutated, and a write with an old etag is refused.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any

from support.provider_gcp_answers import RefusedCall, missing, not_now
from support.provider_gcp_models import Models
from support.provider_gcp_operations import Operations

_ANY = "type.googleapis.com/google.cloud.aiplatform.v1."
_MUTABLE = {"min_replica_count", "max_replica_count", "required_replica_count", "autoscaling_metric_specs"}


class Endpoints:
    """All endpoints by full name; `predictions` says what a version answers, by its full name."""

    def __init__(self, operations: Operations, models: Models) -> None:
        self.all: dict[str, dict[str, Any]] = {}
        self.predictions: dict[str, Any] = {}
        self.deploy_failure: str | RefusedCall | None = None
        self.splits: dict[str, list[dict[str, int]]] = {}
        self._operations = operations
        self._models = models
        self._ids = itertools.count(7000)
        self._asked = itertools.count()

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "endpoints.create": self._create,
            "endpoints.get": lambda request: self.find(request.given["name"]),
            "endpoints.list": lambda request: {"endpoints": list(self.all.values())},
            "endpoints.patch": self._patch,
            "endpoints.delete": self._delete,
            "endpoints.deployModel": self._deploy,
            "endpoints.undeployModel": self._undeploy,
            "endpoints.mutateDeployedModel": self._mutate,
            "endpoints.predict": self._predict,
        }

    # What tests do and ask

    def make(self, name: str, **more: Any) -> str:
        told = {"name": name, "etag": "1", "createTime": "2026-01-01T00:00:00Z", "deployedModels": []}
        self.all[name] = {"displayName": name, **more, **told}
        self.all[name].setdefault("trafficSplit", {})
        return name

    def deployed(self, name: str) -> dict[str, str]:
        """The served versions by deployed model."""
        items = self.all[name]["deployedModels"]
        return {item["id"]: f"{item['model']}@{item['modelVersionId']}" for item in items}

    def traffic(self, name: str) -> dict[str, int]:
        """Shares by served version."""
        versions = self.deployed(name)
        return {versions[key]: share for key, share in self.all[name]["trafficSplit"].items() if share}

    def find(self, name: str) -> dict[str, Any]:
        if name not in self.all:
            raise missing(name)
        return self.all[name]

    # What it does

    def _create(self, request: Any) -> dict[str, Any]:
        name = f"{request.given['parent']}/endpoints/{request.query.get('endpointId') or next(self._ids)}"

        def carry_out() -> dict[str, Any]:
            self.make(name, **request.body)
            return {"@type": f"{_ANY}Endpoint", "name": name}

        return self._operations.start(name, carry_out, "CreateEndpoint")

    def _delete(self, request: Any) -> dict[str, Any]:
        endpoint = self.find(request.given["name"])
        if endpoint["deployedModels"]:
            raise not_now("The endpoint has deployed models and cannot be deleted.")
        return self._operations.start(
            endpoint["name"], lambda: self.all.pop(endpoint["name"]) and {}, "Delete"
        )

    def _set_traffic(self, endpoint: dict[str, Any], split: dict[str, int]) -> None:
        there = {item["id"] for item in endpoint["deployedModels"]}
        if not set(split) <= there:
            raise RefusedCall(400, "INVALID_ARGUMENT", f"{sorted(set(split) - there)} is not deployed.")
        if split and sum(split.values()) != 100:
            raise RefusedCall(400, "INVALID_ARGUMENT", "The traffic must add up to 100.")
        endpoint["trafficSplit"] = {key: share for key, share in split.items() if share}
        endpoint["etag"] = str(int(endpoint["etag"]) + 1)
        self.splits.setdefault(endpoint["name"], []).append(dict(endpoint["trafficSplit"]))

    def _patch(self, request: Any) -> dict[str, Any]:
        endpoint, body = self.find(request.given["name"]), request.body
        if body.get("etag", endpoint["etag"]) != endpoint["etag"]:
            raise RefusedCall(409, "ABORTED", "The etag is another one.")
        for key in re.split(",", request.query["updateMask"]):
            if key in ("trafficSplit", "traffic_split"):
                self._set_traffic(endpoint, body.get("trafficSplit", {}))
            else:
                endpoint[key] = body.get(key)
        return endpoint

    def _deploy(self, request: Any) -> dict[str, Any]:
        endpoint, body = self.find(request.given["endpoint"]), request.body
        version = self._models.find(body["deployedModel"]["model"])
        identifier = body["deployedModel"].get("id") or str(next(self._ids))
        self._refuse_if_there(endpoint, identifier)
        split = body.get("trafficSplit", {})
        if split and sum(split.values()) != 100:
            raise RefusedCall(400, "INVALID_ARGUMENT", "The traffic must add up to 100.")

        def carry_out() -> dict[str, Any]:
            failure, self.deploy_failure = self.deploy_failure, None
            if failure is not None:
                raise failure if isinstance(failure, RefusedCall) else not_now(failure)
            self._refuse_if_there(endpoint, identifier)
            told = {"id": identifier, "model": version["name"], "modelVersionId": version["versionId"]}
            live = {"displayName": version["displayName"], **body["deployedModel"], **told}
            endpoint["deployedModels"].append(live)
            if split:
                self._set_traffic(
                    endpoint, {identifier if key == "0" else key: v for key, v in split.items()}
                )
            return {"@type": f"{_ANY}DeployModelResponse", "deployedModel": live}

        return self._operations.start(endpoint["name"], carry_out, "DeployModel")

    def _refuse_if_there(self, endpoint: dict[str, Any], identifier: str) -> None:
        if identifier in {item["id"] for item in endpoint["deployedModels"]}:
            raise RefusedCall(409, "ALREADY_EXISTS", f"The deployed model {identifier} exists already.")

    def _live(self, endpoint: dict[str, Any], identifier: str) -> dict[str, Any]:
        found = [item for item in endpoint["deployedModels"] if item["id"] == identifier]
        if not found:
            raise missing(f"The deployed model {identifier}")
        return found[0]

    def _undeploy(self, request: Any) -> dict[str, Any]:
        endpoint, body = self.find(request.given["endpoint"]), request.body
        live = self._live(endpoint, body["deployedModelId"])
        is_last = len(endpoint["deployedModels"]) == 1
        split = body.get("trafficSplit") or endpoint["trafficSplit"]
        if split.get(live["id"]) and not is_last:
            raise not_now(f"The deployed model {live['id']} still has traffic.")

        def carry_out() -> dict[str, Any]:
            endpoint["deployedModels"].remove(live)
            kept = {key: share for key, share in split.items() if key != live["id"]}
            if kept != endpoint["trafficSplit"]:
                self._set_traffic(endpoint, kept)
            return {"@type": f"{_ANY}UndeployModelResponse"}

        return self._operations.start(endpoint["name"], carry_out, "UndeployModel")

    def _mutate(self, request: Any) -> dict[str, Any]:
        endpoint, wanted = self.find(request.given["endpoint"]), request.body["deployedModel"]
        live = self._live(endpoint, wanted["id"])
        for path in request.body["updateMask"].split(","):
            first, _, second = path.partition(".")
            if path != "disable_container_logging" and (
                first != "dedicated_resources" or second not in _MUTABLE
            ):
                raise RefusedCall(400, "INVALID_ARGUMENT", f"{path} cannot be mutated.")

        def carry_out() -> dict[str, Any]:
            for path in request.body["updateMask"].split(","):
                name = re.sub(r"_(\w)", lambda match: match[1].upper(), path.rpartition(".")[2])
                source, target = (
                    (wanted, live)
                    if path == "disable_container_logging"
                    else (wanted["dedicatedResources"], live["dedicatedResources"])
                )
                target.pop(name, None)
                target |= {name: source[name]} if name in source else {}
            return {"@type": f"{_ANY}MutateDeployedModelResponse", "deployedModel": live}

        return self._operations.start(endpoint["name"], carry_out, "MutateDeployedModel")

    def _predict(self, request: Any) -> dict[str, Any]:
        endpoint = self.find(request.given["endpoint"])
        split = endpoint["trafficSplit"]
        if not split:
            raise not_now("The endpoint has no traffic split: deploy a model first.")
        # A share is a share of many requests; here whoever has the least answers every third.
        order = sorted(split, key=lambda key: split[key])
        live = self._live(endpoint, order[0] if next(self._asked) % 3 == 2 else order[-1])
        answer = self.predictions.get(f"{live['model']}@{live['modelVersionId']}", "yes")
        if isinstance(answer, RefusedCall):
            raise answer
        return {
            "predictions": [{"prediction": answer} for _ in request.body["instances"]],
            "deployedModelId": live["id"],
            "model": live["model"],
            "modelVersionId": live["modelVersionId"],
        }
