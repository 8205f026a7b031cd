"""Online endpoints of the fake Azure ML: deployments, traffic, predictions.

Its rules are those of the models and pages: an endpoint is set as a whole, shares add up to 100 or there are
none, copies go to one deployment that has no share and are at most 50, what has traffic is not deleted, a
request goes to the deployment that its header names, and while something goes on nothing else begins.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

from support.provider_azure_answers import Answer, RefusedCall, missing, not_now, user_error
from support.provider_azure_operations import Operations

_ML = "https://ml.azure.com"
_TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_MOST_MIRRORED = 50
# A third deployment is on a page of its own.
_PAGE = 2
_SYSTEM_DATA = {
    "createdBy": "somebody",
    "createdAt": "2026-01-01T00:00:00+00:00",
    "lastModifiedAt": "2026-01-01T00:00:00+00:00",
}
_CHANGING = ("Creating", "Updating")
Prediction = object


class Endpoints:
    """All endpoints by their path; `predictions` says what a deployment answers, by its path."""

    def __init__(self, operations: Operations, url: Callable[[], str]) -> None:
        self.all: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.predictions: dict[str, Prediction] = {}
        self.move_failure: str | None = None
        self.splits: dict[str, list[dict[str, int]]] = {}
        self.mirrors: dict[str, list[dict[str, int]]] = {}
        self.asked: list[str] = []
        self._operations = operations
        self._url = url
        self._turns = itertools.count()

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "online_endpoints_create_or_update": self._put,
            "online_endpoints_get": self._get,
            "online_endpoints_list": lambda request: self._page(list(self.all.values()), request.path),
            "online_endpoints_update": self._patch,
            "online_endpoints_delete": self._delete,
            "online_deployments_create_or_update": self._deploy,
            "online_deployments_get": lambda request: self.deployment(request.path),
            "online_deployments_list": self._deployed,
            "online_deployments_delete": self._undeploy,
            "score_predict POST /score/{endpoint}": self._predict,
        }

    # What tests do and ask

    def make(self, path: str, *, tags: dict[str, str] | None = None, **properties: Any) -> str:
        """An endpoint as azure-native makes it: with a user-assigned identity, and no traffic."""
        identity = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
        body = {
            "location": "westeurope",
            "tags": tags or {},
            "identity": {
                "type": "UserAssigned",
                "userAssignedIdentities": {
                    f"{identity}/userAssignedIdentities/endpoint": {"clientId": "1", "principalId": "2"}
                },
            },
            "properties": {"authMode": "AADToken", "publicNetworkAccess": "Enabled", **properties},
        }
        self.all[path] = self._told(path, body)
        return path

    def deploy(
        self, path: str, name: str, *, tags: dict[str, str] | None = None, state: str = "Succeeded"
    ) -> str:
        """A deployment as azure-native makes it."""
        place = f"{path}/deployments/{name}"
        properties = {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "scaleSettings": {"scaleType": "Default"},
        }
        told = {"id": place, "name": name, "type": f"{_TYPE}/deployments", "location": "westeurope"}
        self.deployments[place] = {
            **told,
            "tags": tags or {},
            "sku": {"name": "Default", "capacity": 1},
            "systemData": _SYSTEM_DATA,
            "properties": {**properties, "provisioningState": state},
        }
        return place

    def find(self, path: str) -> dict[str, Any]:
        if path not in self.all:
            raise missing(path)
        return self.all[path]

    def deployment(self, path: str) -> dict[str, Any]:
        if path not in self.deployments:
            raise missing(path)
        return self.deployments[path]

    def traffic(self, path: str) -> dict[str, int]:
        return dict(self.all[path]["properties"]["traffic"])

    def set_traffic(self, path: str, traffic: dict[str, int], mirror: dict[str, int] | None = None) -> None:
        """What somebody else does in the portal."""
        self.all[path]["properties"] |= {"traffic": traffic, "mirrorTraffic": mirror or {}}

    # The service

    def _told(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """An endpoint as the service tells it of what it was told."""
        name = path.rsplit("/", 1)[-1]
        properties = {key: value for key, value in body["properties"].items() if key != "keys"}
        properties = {"traffic": {}, "mirrorTraffic": {}, "properties": {}, "keys": None, **properties}
        told = {
            "provisioningState": "Succeeded",
            "scoringUri": f"{self._url()}/score/{name}",
            "swaggerUri": f"{self._url()}/swagger/{name}",
        }
        envelope = {"id": path, "name": name, "type": _TYPE, "systemData": _SYSTEM_DATA}
        return {"kind": "Managed", **body, **envelope, "properties": {**properties, **told}}

    def _page(self, items: list[dict[str, Any]], path: str, start: int = 0) -> dict[str, Any]:
        told: dict[str, Any] = {"value": items[start : start + _PAGE]}
        if start + _PAGE < len(items):
            told["nextLink"] = f"{self._url()}{path}?api-version=2025-12-01&$skip={start + _PAGE}"
        return told

    def _get(self, request: Any) -> dict[str, Any]:
        endpoint = self.find(request.path)
        if endpoint["properties"]["provisioningState"] in _CHANGING:
            for operation in self._operations.open():
                operation.look()
        return endpoint

    def _busy(self, endpoint: dict[str, Any]) -> None:
        if endpoint["properties"]["provisioningState"] in _CHANGING:
            raise not_now("The endpoint is being changed: wait until that has ended.")

    def _put(self, request: Any) -> Answer:
        path, body = request.path, request.body
        known = self.all.get(path)
        if known is not None:
            self._busy(known)
        told = self._told(path, body)
        self._demand_split(path, told["properties"])
        if known is None:
            self.all[path] = {**told, "properties": dict(told["properties"])}
        self.all[path]["properties"]["provisioningState"] = "Creating" if known is None else "Updating"

        def carry_out() -> None:
            failure, self.move_failure = self.move_failure, None
            if failure is not None:
                self.all[path]["properties"]["provisioningState"] = "Failed"
                raise user_error(failure)
            before = self.all[path]["properties"]
            self.all[path] = told
            for kept, name in ((self.splits, "traffic"), (self.mirrors, "mirrorTraffic")):
                if before[name] != told["properties"][name]:
                    kept.setdefault(path, []).append(dict(told["properties"][name]))

        return self._operations.start(carry_out, self.all[path], status=201 if known is None else 200)

    def _demand_split(self, path: str, properties: dict[str, Any]) -> None:
        traffic, mirror = properties["traffic"], properties["mirrorTraffic"]
        for name in (*traffic, *mirror):
            place = f"{path}/deployments/{name}"
            if place not in self.deployments:
                raise user_error(f"There is no deployment {name}.")
        if sum(traffic.values()) not in (0, 100):
            raise user_error("The traffic must add up to 0 or 100.")
        if sum(mirror.values()) > _MOST_MIRRORED or len(mirror) > 1:
            raise user_error("One deployment can have at most 50 percent mirrored.")
        if any(traffic.get(name) for name in mirror):
            raise user_error("A deployment has live or mirrored traffic, not both.")

    def _patch(self, request: Any) -> dict[str, Any]:
        endpoint = self.find(request.path)
        endpoint["tags"] = request.body.get("tags", endpoint["tags"])
        return endpoint

    def _delete(self, request: Any) -> Answer:
        self.find(request.path)

        def carry_out() -> None:
            del self.all[request.path]
            for place in [item for item in self.deployments if item.startswith(f"{request.path}/")]:
                del self.deployments[place]

        return self._operations.start(carry_out, status=202, by_location=True)

    def _deployed(self, request: Any) -> dict[str, Any]:
        path = request.path.removesuffix("/deployments")
        self.find(path)
        items = [item for place, item in self.deployments.items() if place.startswith(f"{path}/")]
        return self._page(items, request.path, int(request.query.get("$skip", 0)))

    def _deploy(self, request: Any) -> Answer:
        path, _, name = request.path.rpartition("/deployments/")
        self.find(path)
        known = request.path in self.deployments
        self.deploy(path, name, tags=request.body.get("tags"), state="Creating")
        deployment = self.deployments[request.path]
        deployment |= {key: value for key, value in request.body.items() if key != "properties"}
        deployment["properties"] |= request.body["properties"]

        def carry_out() -> None:
            deployment["properties"]["provisioningState"] = "Succeeded"

        return self._operations.start(carry_out, deployment, status=200 if known else 201)

    def _undeploy(self, request: Any) -> Answer:
        path, _, name = request.path.rpartition("/deployments/")
        self.deployment(request.path)
        properties = self.find(path)["properties"]
        if properties["traffic"].get(name) or properties["mirrorTraffic"].get(name):
            raise user_error(f"The deployment {name} has traffic and cannot be deleted.")
        return self._operations.start(
            lambda: self.deployments.pop(request.path), status=202, by_location=True
        )

    def _predict(self, request: Any) -> Answer:
        path = next((path for path in self.all if path.endswith(f"/{request.given['endpoint']}")), None)
        if path is None:
            raise RefusedCall(404, "NotFound", "There is no such endpoint.")
        if request.headers.get("authorization") != f"Bearer token for {_ML}":
            raise RefusedCall(401, "Unauthorized", "Give a Microsoft Entra token for the endpoint.")
        properties = self.all[path]["properties"]
        if properties["publicNetworkAccess"] == "Disabled":
            raise RefusedCall(403, "PublicNetworkAccessDisabled", "Public network access is disabled.")
        name = request.headers.get("azureml-model-deployment") or self._by_traffic(properties["traffic"])
        if f"{path}/deployments/{name}" not in self.deployments:
            raise RefusedCall(404, "NotFound", f"There is no deployment {name}.")
        self.asked.append(name)
        answer = self.predictions.get(f"{path}/deployments/{name}", "yes")
        if isinstance(answer, RefusedCall):
            raise answer
        rows = [{"prediction": answer} for _ in request.body["instances"]]
        return Answer(200, json.dumps({"predictions": rows}).encode())

    def _by_traffic(self, traffic: dict[str, int]) -> str:
        if not traffic:
            raise RefusedCall(404, "NotFound", "The endpoint has no traffic.")
        order = sorted(traffic, key=lambda name: traffic[name])
        return order[0] if next(self._turns) % 3 == 2 else order[-1]
