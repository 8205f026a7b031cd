"""Deployed models of an endpoint of Vertex AI: which are ours, what they are made from, what changes them.

https://cloud.google.com/vertex-ai/docs/general/deployment.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp import operations
from mlcloud.provider.gcp.clients import Clients, GcpError, short_name
from mlcloud.provider.gcp.model_deployment_inputs import METRICS, VertexModelDeploymentInputs
from mlcloud.provider.resource import Context
from mlcloud.provider.rollout import ALL, described

# DeployedModel.id: 1 to 10 digits, ours to choose.
ID_DIGITS: Final = 10
_UNDEPLOY_LIMIT_S: Final = 1800.0
_SETTLE_LIMIT_S: Final = 7200.0
_PATCH_TRIES: Final = 5
_CONFLICTS: Final = (409, 412)
_ABORTED: Final = "ABORTED"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint as Vertex AI has it."""

    content: Mapping[str, Any]

    @property
    def deployed(self) -> dict[str, dict[str, Any]]:
        """Its deployed models by identifier."""
        found = cast("list[dict[str, Any]]", self.content.get("deployedModels", []))
        return {str(item["id"]): item for item in found}

    @property
    def traffic(self) -> dict[str, int]:
        """Share of the traffic by deployed model, in percent; who gets none is left out."""
        found = cast("dict[str, int]", self.content.get("trafficSplit", {}))
        return {key: int(share) for key, share in found.items() if int(share) > 0}

    @property
    def host(self) -> str | None:
        """The name of its own that a dedicated endpoint is asked under, and no other."""
        return str(self.content["dedicatedEndpointDns"]) if self.content.get("dedicatedEndpointDns") else None

    @property
    def is_private(self) -> bool:
        """Whether it answers inside a network alone, where this machine need not be."""
        connect = cast("dict[str, Any]", self.content.get("privateServiceConnectConfig", {}))
        return bool(connect.get("enablePrivateServiceConnect") or self.content.get("network"))

    def own(self, name: str) -> list[str]:
        """Identifiers of the deployed models that the deployment of this name has made."""
        return [key for key, item in self.deployed.items() if item.get("displayName") == f"{name}-{key}"]

    def strangers(self, name: str) -> list[str]:
        """Identifiers of deployed models that somebody else has given traffic."""
        return [key for key in self.traffic if key not in self.own(name)]


def describe(clients: Clients, name: str) -> Endpoint | None:
    """The endpoint; None when there is none."""
    try:
        return Endpoint(content=clients.get("aiplatform", f"v1/{name}"))
    except GcpError as error:
        if error.is_missing:
            return None
        raise


def expect(clients: Clients, name: str) -> Endpoint:
    """The endpoint, which must be there."""
    found = describe(clients, name)
    if found is None:
        raise ResourceError(f"endpoint: there is no endpoint {name}: declare it first.")
    return found


def identifier(new: VertexModelDeploymentInputs) -> str:
    """The deployed model's identifier: it follows from all that Vertex AI cannot change in one that runs."""
    fixed = {
        "name": new.name,
        "model": new.model,
        "machine": [new.machine_type, new.accelerator_type, new.accelerator_count, new.spot],
        "account": new.service_account,
        "access logs": new.access_logs,
    }
    digest = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).digest()
    # Never a 0 in front: as a number it must keep its digits, and `0` stands for "the new one" in requests.
    return str(10 ** (ID_DIGITS - 1) + int.from_bytes(digest[:8], "big") % (9 * 10 ** (ID_DIGITS - 1)))


def resources(new: VertexModelDeploymentInputs) -> dict[str, Any]:
    """The `DedicatedResources`."""
    machine: dict[str, Any] = {"machineType": new.machine_type}
    if new.accelerator_type is not None:
        machine["acceleratorType"] = new.accelerator_type
        machine["acceleratorCount"] = new.accelerator_count
    found: dict[str, Any] = {"machineSpec": machine, **scale(new)}
    if new.spot:
        found["spot"] = True
    return found


def scale(new: VertexModelDeploymentInputs) -> dict[str, Any]:
    """What can be changed in a deployed model that runs (MutateDeployedModelRequest)."""
    highest = new.min_replicas if new.max_replicas is None else new.max_replicas
    found: dict[str, Any] = {"minReplicaCount": new.min_replicas, "maxReplicaCount": highest}
    if new.scaling:
        found["autoscalingMetricSpecs"] = [
            {"metricName": METRICS[name], "target": target} for name, target in sorted(new.scaling.items())
        ]
    return found


def body(new: VertexModelDeploymentInputs) -> dict[str, Any]:
    """The `DeployedModel`."""
    wanted = identifier(new)
    found: dict[str, Any] = {
        "id": wanted,
        "displayName": f"{new.name}-{wanted}",
        "model": new.model,
        "dedicatedResources": resources(new),
    }
    if new.service_account is not None:
        found["serviceAccount"] = new.service_account
    if not new.container_logs:
        found["disableContainerLogging"] = True
    if new.access_logs:
        found["enableAccessLogging"] = True
    return found


def settle(context: Context, clients: Clients, name: str) -> None:
    """Wait for what is going on at the endpoint: an interrupted update may have started it."""
    for operation in operations.open_on(clients, name):
        context.log(
            f"Waiting for an operation on {short_name(name)} that was started before.", ephemeral=True
        )
        try:
            operations.finish(context, clients, operation, _SETTLE_LIMIT_S, "changing the endpoint")
        except ResourceError as error:
            if context.cancellation.is_set():
                raise
            context.log(f"An operation that was started before failed: {error}", severity="warning")


def deploy(context: Context, clients: Clients, new: VertexModelDeploymentInputs, endpoint: Endpoint) -> None:
    """Start the wanted deployed model: with all traffic where nothing has any, with none beside another."""
    wanted = identifier(new)
    traffic = {**endpoint.traffic, "0": 0} if endpoint.traffic else {"0": ALL}

    def happened() -> dict[str, Any] | None:
        for operation in operations.open_on(clients, new.endpoint):
            return operation
        there = wanted in expect(clients, new.endpoint).deployed
        return {"done": True, "response": {}} if there else None

    started = clients.post(
        "aiplatform",
        f"v1/{new.endpoint}:deployModel",
        {"deployedModel": body(new), "trafficSplit": traffic},
        happened=happened,
    )
    operations.finish(context, clients, started, new.timeout_s, f"deploying {new.name}-{wanted}")


def changes(endpoint: Endpoint, new: VertexModelDeploymentInputs) -> list[str]:
    """Fields of the wanted deployed model that are not as declared and can be changed as it runs."""
    live = endpoint.deployed[identifier(new)]
    has, wanted = cast("dict[str, Any]", live.get("dedicatedResources", {})), scale(new)
    if not new.scaling and has.get("autoscalingMetricSpecs"):
        wanted["autoscalingMetricSpecs"] = None
    mask = [f"dedicated_resources.{_snake(key)}" for key, value in wanted.items() if has.get(key) != value]
    if bool(live.get("disableContainerLogging")) == new.container_logs:
        mask.append("disable_container_logging")
    return mask


def mutate(context: Context, clients: Clients, new: VertexModelDeploymentInputs, endpoint: Endpoint) -> None:
    """Change replicas, scaling and logging of the wanted deployed model, where they are others."""
    wanted = identifier(new)
    mask = changes(endpoint, new)
    if not mask:
        return
    changed = {
        "id": wanted,
        "dedicatedResources": resources(new),
        "disableContainerLogging": not new.container_logs,
    }
    started = clients.post(
        "aiplatform",
        f"v1/{new.endpoint}:mutateDeployedModel",
        {"deployedModel": changed, "updateMask": ",".join(mask)},
        repeat=True,
    )
    operations.finish(context, clients, started, new.timeout_s, f"changing {new.name}-{wanted}")


def move(clients: Clients, name: str, traffic: Mapping[str, int]) -> Endpoint:
    """Set the endpoint's traffic, and read it back: what Vertex AI says then is the one truth.

    Raises:
        ResourceError: somebody else moves it at the same time.
    """
    for _ in range(_PATCH_TRIES):
        found = expect(clients, name)
        if found.traffic == dict(traffic):
            return found
        changed: dict[str, Any] = {"name": name, "trafficSplit": dict(traffic)}
        if "etag" in found.content:
            changed["etag"] = found.content["etag"]
        try:
            clients.patch("aiplatform", f"v1/{name}", changed, "trafficSplit")
        except GcpError as error:
            # Another change came between reading and writing.
            if error.status not in _CONFLICTS and error.code != _ABORTED:
                raise
    raise ResourceError(
        f"The traffic of {short_name(name)} is {described(expect(clients, name).traffic)}, not "
        f"{described(traffic)}: something else moves it at the same time. Let one of them do it."
    )


def undeploy(context: Context, clients: Clients, name: str, deployed: str, *, wait: bool = True) -> None:
    """End a deployed model that has no traffic, or is the last one; one that is gone is no error."""
    found = describe(clients, name)
    if found is None or deployed not in found.deployed:
        return

    def happened() -> dict[str, Any] | None:
        for operation in operations.open_on(clients, name):
            return operation
        now = describe(clients, name)
        gone = now is None or deployed not in now.deployed
        return {"done": True, "response": {}} if gone else None

    started = clients.post(
        "aiplatform", f"v1/{name}:undeployModel", {"deployedModelId": deployed}, happened=happened
    )
    if wait:
        operations.finish(context, clients, started, _UNDEPLOY_LIMIT_S, f"undeploying {deployed}")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
