"""Predict, status, models and logs of a stack on AWS, by boto3 and the default credentials."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, cast

from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, ModelVersion, Prediction, Sample, predictions_in
from mlcloud.core.versions import with_one_live
from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.model_archive import read_manifest
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.lineage import LineageReader

_FOLLOW_EVERY_S: Final = 2.0
_REQUESTS_SINCE: Final = timedelta(days=1)
_PERIOD_S: Final = 3600
# As the model component writes metrics into a version's metadata.
_METRIC: Final = "metric."
# A version of the other statuses cannot be deployed
# (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModelPackage.html).
_REJECTED: Final = "Rejected"
_WHOLE: Final = "Completed"
# While it changes, the old version answers
# (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html).
_STATES: Final[Mapping[str, str]] = {
    "InService": "serving",
    "Updating": "serving",
    "SystemUpdating": "serving",
    "RollingBack": "serving",
    "UpdateRollbackFailed": "serving",
    "Creating": "starting",
}


def sample(outputs: Mapping[str, Any]) -> Sample:
    """Return the held-out row that the live model's manifest carries."""
    uri = _output(outputs, "model_uri")
    try:
        smoke = read_manifest(Clients(_output(outputs, "region")), uri).content.get("smoke")
    except ResourceError as error:
        raise UserError(str(error)) from None
    if not isinstance(smoke, dict):
        raise UserError(f"The manifest in {uri} holds no row. Give rows with --file or --data.")
    row = cast("Mapping[str, Any]", smoke)
    return Sample(instance=row["instance"], expected=row["prediction"])


def predict(outputs: Mapping[str, Any], body: bytes, *, content_type: str) -> Prediction:
    """Ask the endpoint for predictions, one for each row."""
    begun = time.perf_counter()
    answer = _Services(outputs).told(
        "sagemaker-runtime",
        "invoke_endpoint",
        EndpointName=_output(outputs, "endpoint_name"),
        Body=body,
        ContentType=content_type,
        Accept="application/json",
    )
    text = answer["Body"].read()
    duration_ms = (time.perf_counter() - begun) * 1000
    return Prediction(
        predictions=predictions_in(text),
        # SageMaker does not hand on the container's header; the stack knows what it moved the traffic to.
        model_version=str(outputs.get("model_version", "")),
        duration_ms=duration_ms,
    )


def status(outputs: Mapping[str, Any]) -> EndpointStatus:
    """Ask SageMaker how the endpoint is, and CloudWatch what it answered in the last 24 hours."""
    name = _output(outputs, "endpoint_name")
    url = _output(outputs, "endpoint_url")
    version = str(outputs.get("model_version", ""))
    try:
        found = _Services(outputs).told("sagemaker", "describe_endpoint", EndpointName=name)
    except UserError as error:
        return EndpointStatus(
            state="down",
            url=url,
            model_version=version,
            replicas=0,
            requests=0,
            errors=0,
            detail=f"{error} `mlcloud refresh STACK` looks again, `mlcloud up STACK` repairs.",
        )
    told = str(found["EndpointStatus"])
    variants = cast("list[Mapping[str, Any]]", found.get("ProductionVariants", []))
    requests, errors = _traffic(outputs, name)
    return EndpointStatus(
        state=_STATES.get(told, "down"),
        url=url,
        model_version=version,
        replicas=sum(int(variant.get("CurrentInstanceCount", 0)) for variant in variants),
        requests=requests,
        errors=errors,
        detail=str(found.get("FailureReason", "")),
        more={
            "status": told,
            "configuration": str(found.get("EndpointConfigName", "")),
            "counted since": "24 hours",
        },
    )


def _traffic(outputs: Mapping[str, Any], name: str) -> tuple[int, int]:
    """Return how many requests were answered, and how many by the server's fault not."""
    metrics = {"requests": "Invocations", "errors": "Invocation5XXErrors"}
    dimensions = [
        {"Name": "EndpointName", "Value": name},
        {"Name": "VariantName", "Value": _output(outputs, "variant_name")},
    ]
    now = datetime.now(UTC)
    answer = _Services(outputs).told(
        "cloudwatch",
        "get_metric_data",
        StartTime=now - _REQUESTS_SINCE,
        EndTime=now,
        MetricDataQueries=[
            {
                "Id": key,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions},
                    "Period": _PERIOD_S,
                    "Stat": "Sum",
                },
            }
            for key, metric in metrics.items()
        ],
    )
    results = cast("list[Mapping[str, Any]]", answer["MetricDataResults"])
    totals = {str(result["Id"]): int(sum(result["Values"])) for result in results}
    return totals.get("requests", 0), totals.get("errors", 0)


def models(outputs: Mapping[str, Any]) -> list[ModelVersion]:
    """List the versions in the stack's model package group; each tells its hash, label and metrics itself.

    Where it comes from is in the manifest of its archive.
    """
    services, group = _Services(outputs), _output(outputs, "model_name")
    manifests = LineageReader("s3://", lambda uri: read_manifest(services.clients, uri))
    found: list[ModelVersion] = []
    token: dict[str, str] = {}
    while True:
        page = services.told(
            "sagemaker",
            "list_model_packages",
            ModelPackageGroupName=group,
            SortBy="CreationTime",
            SortOrder="Descending",
            **token,
        )
        for summary in cast("list[Mapping[str, Any]]", page["ModelPackageSummaryList"]):
            arn = str(summary["ModelPackageArn"])
            described = services.told("sagemaker", "describe_model_package", ModelPackageName=arn)
            found.append(_version(described, outputs, manifests))
        if "NextToken" not in page:
            return with_one_live(found)
        token = {"NextToken": page["NextToken"]}


def _version(
    described: Mapping[str, Any], outputs: Mapping[str, Any], manifests: LineageReader
) -> ModelVersion:
    known = cast("Mapping[str, str]", described.get("CustomerMetadataProperties", {}))
    specification = cast("Mapping[str, Any]", described.get("InferenceSpecification", {}))
    containers = cast("list[Mapping[str, Any]]", specification.get("Containers") or [{}])
    sha256, uri = known.get("sha256", ""), str(containers[0].get("ModelDataUrl", ""))
    status, approval = str(described["ModelPackageStatus"]), described.get("ModelApprovalStatus")
    return ModelVersion(
        label=known.get("version", str(described.get("ModelPackageVersion", ""))),
        stage=str(approval or status),
        sha256=sha256,
        uri=uri,
        created=cast(datetime, described["CreationTime"]),
        is_live=bool(sha256) and sha256 == outputs.get("model_sha256"),
        metrics={
            name.removeprefix(_METRIC): float(value)
            for name, value in known.items()
            if name.startswith(_METRIC)
        },
        lineage=manifests.of(uri, sha256),
        refusal=_REJECTED if approval == _REJECTED else "" if status == _WHOLE else status,
    )


def logs(outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of the endpoint's or the training run's log, and with ``follow`` those to come."""
    place = _output(outputs, "endpoint_logs" if source == "endpoint" else "training_logs")
    # A training run's place is `<group>:<prefix of its streams>`.
    group, _, prefix = place.partition(":")
    services = _Services(outputs)
    where: dict[str, Any] = {"logGroupName": group}
    if prefix:
        where["logStreamNamePrefix"] = prefix
    events = _events(services, where, since_ms=0)
    if not events:
        raise UserError(
            f"No log of the {source} lies in {place}: the stack is not up, or it has logged nothing yet."
        )
    yield from (_line(event) for event in events[-lines:])
    seen = {str(event["eventId"]) for event in events}
    newest = max(int(event["timestamp"]) for event in events)
    while follow:
        time.sleep(_FOLLOW_EVERY_S)
        # Events of one moment arrive in any order: the last moment is asked for again.
        for event in _events(services, where, since_ms=newest):
            if str(event["eventId"]) not in seen:
                seen.add(str(event["eventId"]))
                newest = max(newest, int(event["timestamp"]))
                yield _line(event)


def _events(services: "_Services", where: Mapping[str, Any], *, since_ms: int) -> list[Mapping[str, Any]]:
    """Return the events of a group's streams from a moment on, oldest first; none where it has none."""
    found: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        try:
            page = services.call("logs", "filter_log_events", **where, startTime=since_ms, **token)
        except AwsError as error:
            if error.is_missing:
                return []
            raise UserError(str(error)) from None
        found += page["events"]
        if "nextToken" not in page:
            return sorted(found, key=lambda event: int(event["timestamp"]))
        token = {"nextToken": page["nextToken"]}


def _line(event: Mapping[str, Any]) -> str:
    return str(event["message"]).rstrip("\n")


def _output(outputs: Mapping[str, Any], name: str) -> str:
    value = outputs.get(name)
    if not value:
        raise UserError(f"The stack has no output {name!r}: it is not up. Run `mlcloud up STACK` first.")
    return str(value)


class _Services:
    """AWS's services in the stack's region; what they refuse is told to people."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self._outputs = outputs

    @cached_property
    def clients(self) -> Clients:
        """The services' clients, made once: each takes a good part of a second."""
        return Clients(_output(self._outputs, "region"))

    def call(self, service: str, operation: str, **parameters: object) -> dict[str, Any]:
        """Call the API.

        Raises:
            AwsError: AWS refused it.
            UserError: it could not be asked.
        """
        try:
            return self.clients.call(service, operation, **parameters)
        except AwsError:
            raise
        except ResourceError as error:
            raise UserError(str(error)) from None

    def told(self, service: str, operation: str, **parameters: object) -> dict[str, Any]:
        """Call the API.

        Raises:
            UserError: AWS refused it, or could not be asked.
        """
        try:
            return self.call(service, operation, **parameters)
        except AwsError as error:
            raise UserError(str(error)) from None
