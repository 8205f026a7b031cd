"""Predict, status, models and logs of a stack on GCP, by Google's REST APIs and the default credentials."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, ModelVersion, Prediction, Sample, predictions_in
from mlcloud.core.rows import instances_of
from mlcloud.core.versions import with_one_live
from mlcloud.gcp.descriptions import metrics_in
from mlcloud.gcp.metric_types import ENDPOINT_RESOURCE, REPLICAS_TYPE, RESPONSE_TYPES
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp import model_folder
from mlcloud.provider.gcp.clients import Clients
from mlcloud.provider.gcp.deployed_model import Endpoint, describe
from mlcloud.provider.gcp.training_log import line_of
from mlcloud.provider.lineage import LineageReader

_FOLLOW_EVERY_S: Final = 2.0
_REQUESTS_SINCE: Final = timedelta(days=1)
_REPLICAS_SINCE: Final = timedelta(minutes=10)
_PERIOD: Final = "86400s"
_PAGE: Final = 1000
# Cloud Logging looks back a day where a query names no time.
_LOGS_SINCE: Final = timedelta(days=30)


def sample(outputs: Mapping[str, Any]) -> Sample:
    """Return the held-out row that the live model's manifest carries."""
    uri = _output(outputs, "model_uri")
    try:
        smoke = model_folder.read_folder(_clients(outputs), uri).content.get("smoke")
    except ResourceError as error:
        raise UserError(str(error)) from None
    if not isinstance(smoke, dict):
        raise UserError(f"The manifest in {uri} holds no row. Give rows with --file or --data.")
    row = cast("Mapping[str, Any]", smoke)
    return Sample(instance=row["instance"], expected=row["prediction"])


def predict(outputs: Mapping[str, Any], body: bytes, *, content_type: str) -> Prediction:
    """Ask the endpoint for predictions, one for each row."""
    name = _output(outputs, "endpoint_id")
    try:
        clients = _clients(outputs)
        endpoint = describe(clients, name)
        if endpoint is None:
            raise UserError(f"There is no endpoint {name}. `mlcloud up STACK` repairs the stack.")
        if endpoint.is_private:
            raise UserError(_only_inside(endpoint, name))
        asked = instances_of(body, content_type)
        begun = time.perf_counter()
        answer = clients.post(
            "aiplatform", f"v1/{name}:predict", asked, repeat=True, attempts=1, host=endpoint.host
        )
    except ResourceError as error:
        raise UserError(str(error)) from None
    return Prediction(
        predictions=predictions_in(answer),
        # Vertex AI answers the deployed model; the stack knows which version that is.
        model_version=str(outputs.get("model_version", "")),
        duration_ms=(time.perf_counter() - begun) * 1000,
    )


def _only_inside(endpoint: Endpoint, name: str) -> str:
    connect = cast("Mapping[str, Any]", endpoint.content.get("privateServiceConnectConfig", {}))
    found = cast("list[Mapping[str, Any]]", connect.get("pscAutomationConfigs", []))
    places = [f"http://{item['ipAddress']}/v1/{name}:predict" for item in found if item.get("ipAddress")]
    where = f"Ask {' or '.join(places)} from a machine there." if places else "It has no address there yet."
    return f"The endpoint answers inside its network alone (Private Service Connect). {where}"


def status(outputs: Mapping[str, Any]) -> EndpointStatus:
    """Ask Vertex AI how the endpoint is, and Cloud Monitoring what it answered in the last 24 hours."""
    name = _output(outputs, "endpoint_id")
    version = str(outputs.get("model_version", ""))
    url = str(outputs.get("endpoint_url", ""))
    try:
        clients = _clients(outputs)
        endpoint = describe(clients, name)
        if endpoint is None or not endpoint.traffic:
            told = f"There is no endpoint {name}." if endpoint is None else "No deployed model gets requests."
            return EndpointStatus(
                state="down",
                url=url,
                model_version=version,
                replicas=0,
                requests=0,
                errors=0,
                detail=f"{told} `mlcloud refresh STACK` looks again, `mlcloud up STACK` repairs.",
            )
        short = name.rsplit("/", 1)[-1]
        requests, errors = _answers(clients, short)
        shares = ", ".join(f"{key} {share} %" for key, share in sorted(endpoint.traffic.items()))
        more = {"traffic": shares, "counted since": "24 hours"}
        if endpoint.is_private:
            more["reached"] = _only_inside(endpoint, name)
        return EndpointStatus(
            state="serving",
            url=url,
            model_version=version,
            replicas=_replicas(clients, short),
            requests=requests,
            errors=errors,
            more=more,
        )
    except ResourceError as error:
        raise UserError(str(error)) from None


def _answers(clients: Clients, endpoint: str) -> tuple[int, int]:
    """Return how many requests were answered, and how many by the server's fault not."""
    requests = errors = 0
    for metric in RESPONSE_TYPES:
        for series in _series(
            clients,
            metric,
            endpoint,
            _REQUESTS_SINCE,
            {
                "aggregation.alignmentPeriod": _PERIOD,
                "aggregation.perSeriesAligner": "ALIGN_DELTA",
                "aggregation.crossSeriesReducer": "REDUCE_SUM",
                "aggregation.groupByFields": "metric.labels.response_code",
            },
        ):
            labels = cast("Mapping[str, Any]", series.get("metric", {})).get("labels", {})
            count = sum(_points(series))
            requests += count
            errors += count if str(labels.get("response_code", "")).startswith("5") else 0
    return requests, errors


def _replicas(clients: Clients, endpoint: str) -> int:
    """Return how many machines answer, as Cloud Monitoring saw it last."""
    found = _series(clients, REPLICAS_TYPE, endpoint, _REPLICAS_SINCE, {})
    # The newest point of a series comes first.
    return sum(next(iter(_points(series)), 0) for series in found)


def _series(
    clients: Clients, metric: str, endpoint: str, since: timedelta, aggregation: Mapping[str, str]
) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    query = (
        f'metric.type="{metric}" AND resource.type="{ENDPOINT_RESOURCE}"'
        f' AND resource.labels.endpoint_id="{endpoint}"'
    )
    interval = {"interval.startTime": _time(now - since), "interval.endTime": _time(now)}
    path = f"v3/projects/{clients.project}/timeSeries"
    return list(clients.pages("monitoring", path, "timeSeries", filter=query, **interval, **aggregation))


def _points(series: Mapping[str, Any]) -> list[int]:
    values = [
        cast("Mapping[str, Any]", point.get("value", {}))
        for point in cast("list[Mapping[str, Any]]", series.get("points", []))
    ]
    return [int(float(value.get("int64Value", value.get("doubleValue", 0)))) for value in values]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def models(outputs: Mapping[str, Any]) -> list[ModelVersion]:
    """List the versions of the stack's model in Vertex AI's registry; each tells its hash and label.

    Where it comes from is in the manifest in its folder.
    """
    name, clients = _output(outputs, "model_id"), _clients(outputs)
    try:
        found = list(clients.pages("aiplatform", f"v1/{name}:listVersions", "models"))
    except ResourceError as error:
        raise UserError(str(error)) from None
    manifests = LineageReader("gs://", lambda uri: model_folder.read_folder(clients, uri))
    return with_one_live(_version(item, outputs, manifests) for item in found)


def _version(item: Mapping[str, Any], outputs: Mapping[str, Any], manifests: LineageReader) -> ModelVersion:
    container = cast("Mapping[str, Any]", item.get("containerSpec", {}))
    variables = cast("list[Mapping[str, str]]", container.get("env", []))
    env = {variable["name"]: variable.get("value", "") for variable in variables}
    sha256, uri = env.get("MLCLOUD_MODEL_SHA256", ""), str(item.get("artifactUri", ""))
    aliases = cast("list[str]", item.get("versionAliases", []))
    return ModelVersion(
        label=env.get("MLCLOUD_MODEL_VERSION", str(item.get("versionId", ""))),
        stage=", ".join(aliases),
        sha256=sha256,
        uri=uri,
        created=datetime.fromisoformat(str(item["versionCreateTime"])),
        is_live=bool(sha256) and sha256 == outputs.get("model_sha256"),
        metrics=metrics_in(str(item.get("versionDescription", ""))),
        lineage=manifests.of(uri, sha256),
    )


def logs(outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of the endpoint's or the training run's log, and with ``follow`` those to come."""
    query = _output(outputs, "endpoint_logs" if source == "endpoint" else "training_logs")
    clients = _clients(outputs)
    since = _time(datetime.now(UTC) - _LOGS_SINCE)
    entries = _entries(clients, query, since, newest=lines)
    if not entries:
        raise UserError(
            f"No log of the {source} is found by {query}: the stack is not up, or it has logged nothing yet."
        )
    yield from (line_of(entry) for entry in entries)
    seen = {str(entry.get("insertId")) for entry in entries}
    since = max(str(entry.get("timestamp", "")) for entry in entries)
    while follow:
        time.sleep(_FOLLOW_EVERY_S)
        # Entries of one moment arrive in any order: the last moment is asked for again.
        for entry in _entries(clients, query, since):
            if str(entry.get("insertId")) not in seen:
                seen.add(str(entry.get("insertId")))
                since = max(since, str(entry.get("timestamp", "")))
                yield line_of(entry)


def _entries(clients: Clients, query: str, since: str, *, newest: int | None = None) -> list[dict[str, Any]]:
    """Return entries from a moment on, oldest first; with ``newest``, so many of the last ones."""
    asked: dict[str, Any] = {
        "resourceNames": [f"projects/{clients.project}"],
        "filter": f'({query}) AND timestamp>="{since}"',
        "orderBy": "timestamp asc" if newest is None else "timestamp desc",
        "pageSize": _PAGE if newest is None else min(newest, _PAGE),
    }
    found: list[dict[str, Any]] = []
    while newest is None or len(found) < newest:
        try:
            page = clients.post("logging", "v2/entries:list", asked, repeat=True)
        except ResourceError as error:
            raise UserError(str(error)) from None
        found += cast("list[dict[str, Any]]", page.get("entries", []))
        if not page.get("nextPageToken"):
            break
        asked["pageToken"] = page["nextPageToken"]
    return found if newest is None else found[:newest][::-1]


def _clients(outputs: Mapping[str, Any]) -> Clients:
    try:
        return Clients(_output(outputs, "account"), _output(outputs, "region"))
    except ResourceError as error:
        raise UserError(str(error)) from None


def _output(outputs: Mapping[str, Any], name: str) -> str:
    value = outputs.get(name)
    if not value:
        raise UserError(f"The stack has no output {name!r}: it is not up. Run `mlcloud up STACK` first.")
    return str(value)
