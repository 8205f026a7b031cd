"""Predict, status, models and logs of a stack on Azure, by Azure's REST APIs and the default credentials."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from mlcloud.azure.descriptions import metrics_in
from mlcloud.azure.metric_types import ENDPOINT_NAMESPACE, REQUESTS_METRIC
from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, ModelVersion, Prediction, Sample, predictions_in
from mlcloud.core.rows import instances_of
from mlcloud.core.versions import with_one_live
from mlcloud.provider.azure import model_folder, training_log
from mlcloud.provider.azure.addresses import MACHINE_LEARNING
from mlcloud.provider.azure.blobs import place_of
from mlcloud.provider.azure.clients import Clients, is_out_of_reach, short_name
from mlcloud.provider.azure.online_endpoint import Endpoint, describe
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.lineage import LineageReader

_FOLLOW_EVERY_S: Final = 2.0
_REQUESTS_SINCE: Final = timedelta(days=1)
# https://learn.microsoft.com/rest/api/monitor/metrics/list
_METRICS_VERSION: Final = "2024-02-01"
# The container with our server; the other one only fetches the model
# (https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#get-container-logs).
_CONTAINER: Final = "InferenceServer"
_PATHS: Final = "/paths/"


def sample(outputs: Mapping[str, Any]) -> Sample:
    """Return the held-out row that the live model's manifest carries."""
    uri = _output(outputs, "model_uri")
    try:
        smoke = model_folder.read_folder(_clients(outputs), place_of(uri)).content.get("smoke")
    except ResourceError as error:
        raise UserError(str(error)) from None
    if not isinstance(smoke, dict):
        raise UserError(f"The manifest in {uri} holds no row. Give rows with --file or --data.")
    row = cast("Mapping[str, Any]", smoke)
    return Sample(instance=row["instance"], expected=row["prediction"])


def predict(outputs: Mapping[str, Any], body: bytes, *, content_type: str) -> Prediction:
    """Ask the endpoint for predictions, one for each row."""
    clients, endpoint = _endpoint(outputs)
    asked = instances_of(body, content_type)
    begun = time.perf_counter()
    try:
        answer = clients.post(
            endpoint.scoring_url, asked, version=None, scope=MACHINE_LEARNING, repeat=True, attempts=1
        )
    except ResourceError as error:
        inside = f" {_ONLY_INSIDE}" if endpoint.is_private and is_out_of_reach(error) else ""
        raise UserError(f"{error}{inside}") from None
    return Prediction(
        predictions=predictions_in(answer.body),
        # Azure ML answers nothing of the version; the stack knows which one has the traffic.
        model_version=str(outputs.get("model_version", "")),
        duration_ms=(time.perf_counter() - begun) * 1000,
    )


_ONLY_INSIDE: Final = (
    "The endpoint answers by the workspace's private endpoint alone: ask it from a machine in the stack's "
    "network, or one that is connected to it."
)


def status(outputs: Mapping[str, Any]) -> EndpointStatus:
    """Ask Azure ML how the endpoint is, and Azure Monitor what it answered in the last 24 hours."""
    name, url = _output(outputs, "endpoint_id"), str(outputs.get("endpoint_url", ""))
    version = str(outputs.get("model_version", ""))
    try:
        clients = _clients(outputs)
        endpoint = describe(clients, name)
        traffic: Mapping[str, int] = {} if endpoint is None else endpoint.split.traffic
        if endpoint is None or not traffic:
            told = (
                f"There is no endpoint {short_name(name)}."
                if endpoint is None
                else "No deployment gets requests."
            )
            return EndpointStatus(
                state="down",
                url=url,
                model_version=version,
                replicas=0,
                requests=0,
                errors=0,
                detail=f"{told} `mlcloud refresh STACK` looks again, `mlcloud up STACK` repairs.",
            )
        requests, errors = _answers(clients, name)
        machines = sum(_machines(clients, f"{name}/deployments/{deployment}") for deployment in traffic)
    except ResourceError as error:
        raise UserError(str(error)) from None
    shares = ", ".join(f"{key} {share} %" for key, share in sorted(traffic.items()))
    more = {"traffic": shares, "counted since": "24 hours"}
    if endpoint.is_private:
        more["reached"] = _ONLY_INSIDE
    return EndpointStatus(
        state="serving",
        url=url,
        model_version=version,
        replicas=machines,
        requests=requests,
        errors=errors,
        more=more,
    )


def _machines(clients: Clients, deployment: str) -> int:
    """Return how many machines a deployment has; scaling sets the same number."""
    found = clients.find(deployment) or {}
    return int(cast("Mapping[str, Any]", found.get("sku") or {}).get("capacity") or 0)


def _answers(clients: Clients, endpoint: str) -> tuple[int, int]:
    """Return how many requests were answered, and how many by the server's fault not.

    Azure Monitor has requests per minute, so that the sum over the minutes is their number
    (https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics).
    """
    now = datetime.now(UTC)
    found = clients.get(
        f"{endpoint}/providers/Microsoft.Insights/metrics",
        version=_METRICS_VERSION,
        parameters={
            "metricnames": REQUESTS_METRIC,
            "metricnamespace": ENDPOINT_NAMESPACE,
            "timespan": f"{_time(now - _REQUESTS_SINCE)}/{_time(now)}",
            "interval": "PT1M",
            "aggregation": "Average",
            "$filter": "statusCodeClass eq '*'",
        },
    )
    requests = errors = 0.0
    for metric in cast("list[dict[str, Any]]", found.get("value", [])):
        for series in cast("list[dict[str, Any]]", metric.get("timeseries", [])):
            labels = cast("list[dict[str, Any]]", series.get("metadatavalues", []))
            points = cast("list[dict[str, Any]]", series.get("data", []))
            count = sum(float(point.get("average") or 0) for point in points)
            requests += count
            errors += count if any(str(label.get("value", "")).startswith("5") for label in labels) else 0
    return round(requests), round(errors)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def models(outputs: Mapping[str, Any]) -> list[ModelVersion]:
    """List the versions of the stack's model in the workspace; each tells its hash and label.

    Where it comes from is in the manifest in its folder, and the job that trained it with the version.
    """
    name, clients = _output(outputs, "model_id"), _clients(outputs)
    try:
        found = list(clients.pages(f"{name}/versions"))
    except ResourceError as error:
        raise UserError(str(error)) from None
    manifests = LineageReader("https://", lambda uri: model_folder.read_folder(clients, place_of(uri)))
    return with_one_live(_version(item, outputs, manifests) for item in found)


def _version(item: Mapping[str, Any], outputs: Mapping[str, Any], manifests: LineageReader) -> ModelVersion:
    told = cast("Mapping[str, Any]", item.get("properties", {}))
    tags = cast("Mapping[str, str]", told.get("tags") or {})
    sha256 = cast("Mapping[str, str]", told.get("properties") or {}).get("mlcloud_sha256", "")
    uri = _address(str(told.get("modelUri", "")), str(outputs.get("model_uri", "")))
    stage = "archived" if told.get("isArchived") else ""
    made = cast("Mapping[str, str]", item.get("systemData") or {}).get("createdAt")
    return ModelVersion(
        label=tags.get("mlcloud-version", str(item.get("name", ""))),
        stage=stage,
        sha256=sha256,
        uri=uri,
        created=datetime.fromisoformat(made) if made else datetime.fromtimestamp(0, UTC),
        is_live=bool(sha256) and sha256 == outputs.get("model_sha256"),
        metrics=metrics_in(str(told.get("description") or "")),
        lineage=manifests.of(uri, sha256, run=str(told.get("jobName") or "")),
        refusal=stage,
    )


def _address(uri: str, live: str) -> str:
    """Return where a version's folder is, as a stack file pins it.

    Azure ML names it below a datastore, `azureml://.../datastores/models/paths/<folder>`; the live model's
    address tells which account and container that is.
    """
    if _PATHS not in uri or not live:
        return uri
    place = place_of(live)
    return f"https://{place.account}.blob.core.windows.net/{place.container}/{uri.partition(_PATHS)[2]}"


def logs(outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of the endpoint's or the training run's log, and with ``follow`` those to come."""
    try:
        read = _endpoint_lines if source == "endpoint" else _training_lines
        seen = read(outputs, lines)
        if not seen:
            raise UserError(
                f"No log of the {source} is found: the stack is not up, or it has logged nothing yet."
            )
        yield from seen
        while follow:
            time.sleep(_FOLLOW_EVERY_S)
            now = read(outputs, lines)
            yield from _after(seen, now)
            seen = now or seen
    except ResourceError as error:
        raise UserError(str(error)) from None


def _endpoint_lines(outputs: Mapping[str, Any], count: int) -> list[str]:
    """Return the last lines of what the server writes that answers most requests."""
    clients, endpoint = _endpoint(outputs)
    traffic = endpoint.split.traffic
    if not traffic:
        return []
    deployment = max(traffic, key=lambda name: traffic[name])
    path = f"{_output(outputs, 'endpoint_id')}/deployments/{deployment}/getLogs"
    asked = {"containerType": _CONTAINER, "tail": count}
    return str(clients.post(path, asked, repeat=True).body.get("content") or "").splitlines()


def _training_lines(outputs: Mapping[str, Any], count: int) -> list[str]:
    """Return the last lines of the run that trained the live model."""
    workspace = _output(outputs, "endpoint_id").partition("/onlineEndpoints/")[0]
    clients = _clients(outputs)
    job = clients.find(f"{workspace}/jobs/{_output(outputs, 'training_run')}")
    address = None if job is None else training_log.file_of(clients, job)
    if address is None:
        return []
    return training_log.read_from(clients, address, 0).decode(errors="replace").splitlines()[-count:]


def _after(seen: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Return the lines that came: the end of what was seen is the beginning of what is there."""
    for gone in range(len(seen) + 1):
        kept = len(seen) - gone
        if kept <= len(now) and list(seen[gone:]) == list(now[:kept]):
            return now[kept:]
    return now


def _endpoint(outputs: Mapping[str, Any]) -> tuple[Clients, Endpoint]:
    name = _output(outputs, "endpoint_id")
    try:
        clients = _clients(outputs)
        endpoint = describe(clients, name)
    except ResourceError as error:
        raise UserError(str(error)) from None
    if endpoint is None:
        raise UserError(f"There is no endpoint {short_name(name)}. `mlcloud up STACK` repairs the stack.")
    return clients, endpoint


def _clients(outputs: Mapping[str, Any]) -> Clients:
    try:
        return Clients(_output(outputs, "account"))
    except ResourceError as error:
        raise UserError(str(error)) from None


def _output(outputs: Mapping[str, Any], name: str) -> str:
    value = outputs.get(name)
    if not value:
        raise UserError(f"The stack has no output {name!r}: it is not up. Run `mlcloud up STACK` first.")
    return str(value)
