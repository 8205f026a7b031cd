"""Versions in Vertex AI's model registry: what a version is made from, and the calls that make and end one.

https://cloud.google.com/vertex-ai/docs/model-registry/versioning.
"""

import hashlib
import json
import math
import time
from typing import Any, Final, cast

from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.fields import fields_of, wire_value
from mlcloud.provider.gcp import operations
from mlcloud.provider.gcp.clients import Clients, GcpError, short_name
from mlcloud.provider.gcp.model_inputs import DEFAULT_ALIAS, VertexModelInputs, VertexModelOutputs
from mlcloud.provider.gcp.propagation import until_granted
from mlcloud.provider.resource import Context

CONTENT_LABEL: Final = "mlcloud_content"
CLAIM_LABEL: Final = "mlcloud_claim"
# A label's value has at most 63 characters.
CONTENT_DIGITS: Final = 40
_STARTUP_PERIOD_S: Final = 5
_UPLOAD_LIMIT_S: Final = 3600.0
_DELETE_LIMIT_S: Final = 600.0
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 10.0


def content_sha256(new: VertexModelInputs) -> str:
    """What the version is, as one hash: equal contents need no second version."""
    content = {
        field.wire: wire_value(getattr(new, field.name))
        for field in fields_of(VertexModelInputs)
        if field.options.replace
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def model_name(new: VertexModelInputs) -> str:
    """The model's full name."""
    return f"projects/{new.project}/locations/{new.region}/models/{new.model_id}"


def labels(new: VertexModelInputs, claim: str) -> dict[str, str]:
    """The version's labels, with ours."""
    return {**new.labels, CONTENT_LABEL: content_sha256(new)[:CONTENT_DIGITS], CLAIM_LABEL: claim}


def _probes(new: VertexModelInputs) -> dict[str, Any]:
    """How Vertex AI looks at the server; what is not told is left to Vertex AI's own defaults."""
    told = {
        "periodSeconds": new.probe_period_s,
        "timeoutSeconds": new.probe_timeout_s,
        "failureThreshold": new.probe_failures,
    }
    known = {name: value for name, value in told.items() if value is not None}
    found: dict[str, Any] = {}
    if known:
        found["healthProbe"] = {"httpGet": {"path": new.health_route, "port": new.port}, **known}
    if new.liveness_route is not None:
        found["livenessProbe"] = {"httpGet": {"path": new.liveness_route, "port": new.port}, **known}
    if new.startup_s is not None:
        path = new.liveness_route if new.liveness_route is not None else new.health_route
        found["startupProbe"] = {
            "httpGet": {"path": path, "port": new.port},
            "periodSeconds": _STARTUP_PERIOD_S,
            "failureThreshold": math.ceil(new.startup_s / _STARTUP_PERIOD_S),
        }
    return found


def body(new: VertexModelInputs, claim: str) -> dict[str, Any]:
    """The `Model` of an upload."""
    container: dict[str, Any] = {
        "imageUri": new.image_uri,
        "predictRoute": new.predict_route,
        "healthRoute": new.health_route,
        "ports": [{"containerPort": new.port}],
    }
    if new.env:
        container["env"] = [{"name": name, "value": value} for name, value in sorted(new.env.items())]
    if new.command:
        container["command"] = new.command
    if new.args:
        container["args"] = new.args
    container |= _probes(new)
    if new.start_timeout_s is not None:
        container["deploymentTimeout"] = f"{new.start_timeout_s}s"
    if new.shared_memory_mb is not None:
        container["sharedMemorySizeMb"] = str(new.shared_memory_mb)
    found: dict[str, Any] = {
        "displayName": new.display_name or new.model_id,
        "containerSpec": container,
        "labels": labels(new, claim),
        "versionAliases": [DEFAULT_ALIAS, *new.aliases],
    }
    if new.artifact_uri is not None:
        found["artifactUri"] = new.artifact_uri
    if new.description is not None:
        found["versionDescription"] = new.description
    if new.kms_key_name is not None:
        found["encryptionSpec"] = {"kmsKeyName": new.kms_key_name}
    return found


def describe(clients: Clients, name: str) -> dict[str, Any] | None:
    """A model, or a version (`<model>@<version>`), as Vertex AI has it; None when there is none."""
    try:
        return clients.get("aiplatform", f"v1/{name}")
    except GcpError as error:
        if error.is_missing:
            return None
        raise


def versions(clients: Clients, name: str) -> list[dict[str, Any]]:
    """The versions of a model, none where there is no model."""
    try:
        return list(clients.pages("aiplatform", f"v1/{name}:listVersions", "models"))
    except GcpError as error:
        if error.is_missing:
            return []
        raise


def with_label(clients: Clients, name: str, label: str, value: str) -> dict[str, Any] | None:
    """The newest version with a label's value."""
    found = [item for item in versions(clients, name) if item.get("labels", {}).get(label) == value]
    return max(found, key=lambda item: int(item["versionId"]), default=None)


def upload(context: Context, clients: Clients, new: VertexModelInputs, claim: str) -> dict[str, Any]:
    """Make a version. One that a failed or stopped upload leaves is deleted.

    Vertex AI's agent may have been granted the model's folder and its key in the same update.
    """
    doing = f"uploading the model {new.model_id}"
    return until_granted(
        context, lambda: _upload(context, clients, new, claim, doing), limit_s=new.grant_wait_s, doing=doing
    )


def _upload(
    context: Context, clients: Clients, new: VertexModelInputs, claim: str, doing: str
) -> dict[str, Any]:
    name = model_name(new)
    before = operations.names_on(clients, name)
    asked: dict[str, Any] = {"model": body(new, claim)}
    if describe(clients, name) is None:
        asked["modelId"] = new.model_id
    else:
        asked["parentModel"] = name

    def happened() -> dict[str, Any] | None:
        operations.outlast(
            context,
            clients,
            name,
            before,
            kind="UploadModelOperationMetadata",
            limit_s=_UPLOAD_LIMIT_S,
            doing=doing,
            end=operations.cancel,
        )
        made = with_label(clients, name, CLAIM_LABEL, claim)
        if made is None:
            return None
        return {"done": True, "response": {"model": name, "modelVersionId": made["versionId"]}}

    try:
        started = clients.post("aiplatform", f"v1/{clients.location}/models:upload", asked, happened=happened)
        operations.finish(context, clients, started, _UPLOAD_LIMIT_S, doing)
        made = with_label(clients, name, CLAIM_LABEL, claim)
    except (Cancelled, ResourceError):
        left = with_label(clients, name, CLAIM_LABEL, claim)
        if left is not None:
            remove(context.steady(), clients, name, str(left["versionId"]))
        raise
    if made is None:
        raise ResourceError(f"The model {new.model_id} was uploaded, and there is no version of it.")
    return made


def settle(clients: Clients, new: VertexModelInputs, version: dict[str, Any], claim: str) -> None:
    """Give a version its names, labels and aliases, where it has others."""
    name = f"{model_name(new)}@{version['versionId']}"
    wanted = {"labels": labels(new, claim), "versionDescription": new.description or ""}
    mask = [key for key, value in wanted.items() if (version.get(key) or type(value)()) != value]
    if mask:
        clients.patch("aiplatform", f"v1/{name}", {"name": name, **wanted}, ",".join(mask))
    # Model and version are changed one by one (UpdateModelRequest).
    display_name = new.display_name or new.model_id
    if version.get("displayName") != display_name:
        changed = {"name": model_name(new), "displayName": display_name}
        clients.patch("aiplatform", f"v1/{model_name(new)}", changed, "displayName")
    has = set(cast("list[str]", version.get("versionAliases", []))) - {DEFAULT_ALIAS}
    merged = [*sorted(set(new.aliases) - has), *(f"-{alias}" for alias in sorted(has - set(new.aliases)))]
    if merged:
        merge_aliases(clients, name, merged)


def differences(new: VertexModelInputs, version: dict[str, Any], claim: str) -> list[str]:
    """What of a version's names, labels and aliases is not as declared.

    The model's own labels are among those that Vertex AI returns for a version: more than declared is right.
    """
    has = set(cast("list[str]", version.get("versionAliases", []))) - {DEFAULT_ALIAS}
    seen = {
        "labels": labels(new, claim).items() <= cast("dict[str, str]", version.get("labels", {})).items(),
        "description": version.get("versionDescription", "") == (new.description or ""),
        "displayName": version.get("displayName") == (new.display_name or new.model_id),
        "aliases": has == set(new.aliases),
    }
    return [name for name, same in seen.items() if not same]


def merge_aliases(clients: Clients, version_name: str, aliases: list[str]) -> None:
    """Add aliases to a version, which takes them from others; those with - in front are taken off."""
    path = f"v1/{version_name}:mergeVersionAliases"
    clients.post("aiplatform", path, {"versionAliases": aliases}, repeat=True)


def wait_until_unused(context: Context, clients: Clients, outputs: VertexModelOutputs) -> None:
    """Wait until nothing serves a version.

    Raises:
        ResourceError: something still does.
    """
    deadline, poll_s = time.monotonic() + outputs.undeploy_wait_s, _FIRST_POLL_S
    while users := _users(clients, outputs):
        if time.monotonic() >= deadline:
            raise ResourceError(
                f"The version {outputs.version_id} of the model {short_name(outputs.name)} still serves on "
                f"{', '.join(users)}: move the traffic to another version and undeploy it there first."
            )
        context.log(f"Waiting until {', '.join(users)} does not serve it any more.", ephemeral=True)
        context.pause(poll_s)
        poll_s = min(poll_s * 2, _LONGEST_POLL_S)


def _users(clients: Clients, outputs: VertexModelOutputs) -> list[str]:
    """Endpoints on which the version is deployed."""
    version = describe(clients, outputs.version_name)
    pointers = [] if version is None else cast("list[dict[str, Any]]", version.get("deployedModels", []))
    users: list[str] = []
    for name in dict.fromkeys(str(pointer["endpoint"]) for pointer in pointers):
        endpoint = describe(clients, name)
        deployed = (
            [] if endpoint is None else cast("list[dict[str, Any]]", endpoint.get("deployedModels", []))
        )
        if any(
            short_name(str(item["model"]).partition("@")[0]) == short_name(outputs.name)
            and str(item.get("modelVersionId", outputs.version_id)) == outputs.version_id
            for item in deployed
        ):
            users.append(short_name(name))
    return users


def remove(context: Context, clients: Clients, name: str, version_id: str) -> None:
    """Delete a version; the last one goes with its model. One that is gone already is no error.

    Raises:
        ResourceError: it could not be deleted, or is still being deleted.
        Cancelled: the engine asked to stop; Vertex AI goes on deleting.
    """
    doing = f"deleting the version {version_id} of the model {short_name(name)}"
    # An earlier try may have been given up.
    operations.outlast(
        context, clients, name, (), kind="DeleteOperationMetadata", limit_s=_DELETE_LIMIT_S, doing=doing
    )
    others = [item for item in versions(clients, name) if str(item["versionId"]) != version_id]
    if describe(clients, f"{name}@{version_id}") is None:
        return
    if others:
        newest = max(others, key=lambda item: int(item["versionId"]))
        if not any(DEFAULT_ALIAS in item.get("versionAliases", []) for item in others):
            # A model has a default version at any time.
            merge_aliases(clients, f"{name}@{newest['versionId']}", [DEFAULT_ALIAS])
        started = clients.delete("aiplatform", f"v1/{name}@{version_id}:deleteVersion")
    else:
        started = clients.delete("aiplatform", f"v1/{name}")
    if started is None:
        return
    ended = operations.wait(context, clients, started, _DELETE_LIMIT_S, doing)
    if not ended.get("done"):
        raise ResourceError(
            f"The version {version_id} of the model {short_name(name)} is still being deleted after "
            f"{_DELETE_LIMIT_S:g} s: {started['name']}. Run it again: it then waits for it."
        )
    if "error" in ended:
        raise operations.OperationError(doing, ended["error"])
