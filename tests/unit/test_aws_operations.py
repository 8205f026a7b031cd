"""Predict, status and logs on AWS; botocore checks every call and answer against the API's model."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from mlcloud.aws import operations
from mlcloud.core.errors import UserError
from mlcloud.core.operations import operations_of
from mlcloud.provider.aws.clients import Clients
from support.provider_models import LINEAGE

OUTPUTS = {
    "cloud": "aws",
    "region": "eu-central-1",
    "endpoint_name": "shop-dev",
    "endpoint_url": "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/shop-dev/invocations",
    "endpoint_logs": "/aws/sagemaker/Endpoints/shop-dev",
    "training_logs": "/aws/sagemaker/TrainingJobs:shop-dev-0a1b2c",
    "variant_name": "main",
    "model_uri": "s3://shop-models/models/abc/model.tar.gz",
    "model_version": "0a1b2c3d4e5f",
}
Stub = Callable[[str], Stubber]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    stubs: dict[str, Stubber] = {}

    def made(service: str) -> Stubber:
        if service not in stubs:
            client = boto3.client(
                service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
            )
            stubs[service] = Stubber(client)
            stubs[service].activate()
        return stubs[service]

    monkeypatch.setattr(Clients, "of", lambda self, service: made(service).client)
    yield made
    for stubber in stubs.values():
        stubber.assert_no_pending_responses()


def streamed(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


def archive(**files: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def described(stub: Stub, state: str, **more: Any) -> None:
    now = datetime.now(UTC)
    stub("sagemaker").add_response(
        "describe_endpoint",
        {
            "EndpointName": "shop-dev",
            "EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/shop-dev",
            "EndpointConfigName": "shop-dev-1",
            "EndpointStatus": state,
            "CreationTime": now,
            "LastModifiedTime": now,
            "ProductionVariants": [{"VariantName": "main", "CurrentInstanceCount": 2}],
            **more,
        },
        {"EndpointName": "shop-dev"},
    )


def counted(stub: Stub, requests: list[float], errors: list[float]) -> None:
    stub("cloudwatch").add_response(
        "get_metric_data",
        {
            "MetricDataResults": [
                {"Id": "requests", "Values": requests},
                {"Id": "errors", "Values": errors},
            ]
        },
        {"StartTime": ANY, "EndTime": ANY, "MetricDataQueries": ANY},
    )


def event(number: int, message: str) -> dict[str, Any]:
    return {"eventId": str(number), "timestamp": number, "message": message}


def test_operations_are_found_by_the_stacks_cloud() -> None:
    assert operations_of(OUTPUTS) is operations


def test_a_prediction_asks_the_endpoint_with_the_rows_as_they_are(stub: Stub) -> None:
    stub("sagemaker-runtime").add_response(
        "invoke_endpoint",
        {"Body": streamed(b'{"predictions": [1, 2]}'), "ContentType": "application/json"},
        {
            "EndpointName": "shop-dev",
            "Body": b"a\n1\n2\n",
            "ContentType": "text/csv",
            "Accept": "application/json",
        },
    )
    answer = operations.predict(OUTPUTS, b"a\n1\n2\n", content_type="text/csv")
    assert answer.predictions == [1, 2]
    assert answer.model_version == "0a1b2c3d4e5f"
    assert answer.duration_ms > 0


def test_a_refused_request_says_what_the_model_said(stub: Stub) -> None:
    stub("sagemaker-runtime").add_client_error(
        "invoke_endpoint", "ModelError", 'Received client error (400) with message "row 1: a is absent"'
    )
    with pytest.raises(UserError, match="row 1: a is absent"):
        operations.predict(OUTPUTS, b"{}", content_type="application/json")


@pytest.mark.parametrize(
    ("told", "state"),
    [("InService", "serving"), ("Updating", "serving"), ("Creating", "starting"), ("Failed", "down")],
)
def test_the_status_is_in_plain_words(stub: Stub, told: str, state: str) -> None:
    described(stub, told)
    counted(stub, [10.0, 5.0], [1.0])
    found = operations.status(OUTPUTS)
    assert (found.state, found.replicas, found.requests, found.errors) == (state, 2, 15, 1)
    assert found.more["status"] == told


def test_a_failed_endpoint_says_why(stub: Stub) -> None:
    described(stub, "Failed", FailureReason="The container did not answer /ping.")
    counted(stub, [], [])
    assert operations.status(OUTPUTS).detail == "The container did not answer /ping."


def test_an_endpoint_that_is_gone_is_down(stub: Stub) -> None:
    stub("sagemaker").add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    found = operations.status(OUTPUTS)
    assert found.state == "down"
    assert "Could not find endpoint" in found.detail
    assert "mlcloud up" in found.detail


def test_traffic_is_counted_for_the_stacks_variant(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    described(stub, "InService")
    counted(stub, [], [])
    asked: list[dict[str, Any]] = []
    client = stub("cloudwatch").client
    asks = client.get_metric_data
    monkeypatch.setattr(client, "get_metric_data", lambda **given: (asked.append(given), asks(**given))[1])
    operations.status(OUTPUTS)
    (given,) = asked
    metrics = [query["MetricStat"]["Metric"] for query in given["MetricDataQueries"]]
    assert [metric["MetricName"] for metric in metrics] == ["Invocations", "Invocation5XXErrors"]
    dimensions = {part["Name"]: part["Value"] for part in metrics[0]["Dimensions"]}
    assert dimensions == {"EndpointName": "shop-dev", "VariantName": "main"}


def test_logs_show_the_last_lines_of_all_pages(stub: Stub) -> None:
    group = "/aws/sagemaker/Endpoints/shop-dev"
    logs = stub("logs")
    first = {"logGroupName": group, "startTime": 0}
    logs.add_response(
        "filter_log_events", {"events": [event(1, "one"), event(3, "three\n")], "nextToken": "n"}, first
    )
    logs.add_response("filter_log_events", {"events": [event(2, "two")]}, {**first, "nextToken": "n"})
    found = operations.logs(OUTPUTS, source="endpoint", lines=2, follow=False)
    assert list(found) == ["two", "three"]


def test_a_training_log_is_that_of_the_run(stub: Stub) -> None:
    stub("logs").add_response(
        "filter_log_events",
        {"events": [event(1, "done")]},
        {
            "logGroupName": "/aws/sagemaker/TrainingJobs",
            "logStreamNamePrefix": "shop-dev-0a1b2c",
            "startTime": 0,
        },
    )
    assert list(operations.logs(OUTPUTS, source="training", lines=5, follow=False)) == ["done"]


def test_followed_logs_show_each_line_once(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_FOLLOW_EVERY_S", 0)
    group = {"logGroupName": "/aws/sagemaker/Endpoints/shop-dev"}
    logs = stub("logs")
    logs.add_response("filter_log_events", {"events": [event(5, "old")]}, {**group, "startTime": 0})
    logs.add_response(
        "filter_log_events",
        {"events": [event(5, "old"), {**event(5, "same moment"), "eventId": "x"}]},
        {**group, "startTime": 5},
    )
    logs.add_response("filter_log_events", {"events": [event(7, "new")]}, {**group, "startTime": 5})
    found = operations.logs(OUTPUTS, source="endpoint", lines=10, follow=True)
    assert [next(found) for _ in range(3)] == ["old", "same moment", "new"]


def test_a_log_that_is_not_there_is_told(stub: Stub) -> None:
    stub("logs").add_client_error("filter_log_events", "ResourceNotFoundException", "no such group")
    with pytest.raises(UserError, match="No log of the endpoint"):
        list(operations.logs(OUTPUTS, source="endpoint", lines=5, follow=False))


def test_a_sample_is_the_row_in_the_live_models_manifest(stub: Stub) -> None:
    manifest = {"smoke": {"instance": {"rooms": 3}, "prediction": 3000}}
    content = archive(model__skops=b"x", manifest__json=json.dumps(manifest).encode())
    place = {"Bucket": "shop-models", "Key": "models/abc/model.tar.gz"}
    stub("s3").add_response("get_object", {"Body": streamed(content)}, place)
    found = operations.sample(OUTPUTS)
    assert (found.instance, found.expected) == ({"rooms": 3}, 3000)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no archive", "is not an archive of a model"),
        (archive(model__skops=b"x"), r"has no manifest\.json at its top"),
        (archive(manifest__json=b"{"), "holds no row"),
        (archive(manifest__json=b'{"smoke": []}'), "holds no row"),
    ],
)
def test_an_archive_without_a_sample_is_told(stub: Stub, content: bytes, told: str) -> None:
    stub("s3").add_response("get_object", {"Body": streamed(content)})
    with pytest.raises(UserError, match=told):
        operations.sample(OUTPUTS)


def test_a_stack_that_is_not_up_is_told() -> None:
    with pytest.raises(UserError, match="it is not up"):
        operations.predict({"cloud": "aws"}, b"", content_type="text/csv")


def test_missing_credentials_are_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "absent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "absent")
    with pytest.raises(UserError, match="no AWS credentials"):
        operations.predict(OUTPUTS, b"{}", content_type="application/json")


def package(number: int, approval: str, sha256: str, **metadata: str) -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:eu-central-1:123456789012:model-package/shop/{number}"
    return {
        "ModelPackageName": "shop",
        "ModelPackageVersion": number,
        "ModelPackageArn": arn,
        "CreationTime": datetime(2026, 11, number, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": approval,
        "CustomerMetadataProperties": {"sha256": sha256, **metadata},
        "InferenceSpecification": {
            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://shop/models/{sha256}/model.tar.gz"}]
        },
    }


def listed(stub: Stub, *packages: dict[str, Any]) -> None:
    """The group has these, one on each page."""
    asked: dict[str, Any] = {
        "ModelPackageGroupName": "shop",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    summary = ("ModelPackageArn", "CreationTime", "ModelPackageStatus")
    for number, found in enumerate(packages, start=1):
        page: dict[str, Any] = {"ModelPackageSummaryList": [{key: found[key] for key in summary}]}
        if number < len(packages):
            page["NextToken"] = str(number)
        stub("sagemaker").add_response("list_model_packages", page, asked)
        arn = {"ModelPackageName": found["ModelPackageArn"]}
        stub("sagemaker").add_response("describe_model_package", found, arn)
        asked = {**asked, "NextToken": str(number)}


def stored(stub: Stub, sha256: str, manifest: bytes) -> None:
    """The bucket has a version's archive with this manifest."""
    place = {"Bucket": "shop", "Key": f"models/{sha256}/model.tar.gz"}
    content = {"Body": streamed(archive(manifest__json=manifest))}
    stub("s3").add_response("get_object", content, place)


def test_a_version_tells_where_it_comes_from_as_its_own_manifest_says(stub: Stub) -> None:
    manifest = json.dumps({**LINEAGE, "files": {}}).encode()
    known = hashlib.sha256(manifest).hexdigest()
    listed(stub, package(2, "Approved", known), package(1, "Approved", "a" * 64))
    stored(stub, known, manifest)
    stored(stub, "a" * 64, manifest)
    told, other = operations.models({**OUTPUTS, "model_name": "shop"})
    assert told.lineage is not None
    assert (told.lineage.data_sha256, told.lineage.trainer_version) == ("da" * 32, "0.1.0")
    assert told.lineage.hyperparameters == LINEAGE["hyperparameters"]
    assert other.lineage is None, "what lies there is another model"


@pytest.mark.parametrize(
    ("approval", "status", "refusal"),
    [
        ("Approved", "Completed", ""),
        ("PendingManualApproval", "Completed", ""),
        ("Rejected", "Completed", "Rejected"),
        ("Approved", "Failed", "Failed"),
    ],
)
def test_what_was_rejected_or_has_failed_may_not_be_served(
    stub: Stub, approval: str, status: str, refusal: str
) -> None:
    listed(stub, {**package(1, approval, "a" * 64), "ModelPackageStatus": status})
    stub("s3").add_client_error("get_object", "NoSuchKey")
    (found,) = operations.models({**OUTPUTS, "model_name": "shop"})
    assert (found.refusal, found.lineage) == (refusal, None)


def test_versions_tell_approval_metrics_and_which_one_is_live(stub: Stub) -> None:
    new, old = package(2, "Approved", "b" * 64, version="v2"), package(1, "Rejected", "a" * 64, version="v1")
    old["CustomerMetadataProperties"]["metric.r2"] = "0.91"
    listed(stub, new, old)
    stub("s3").add_client_error("get_object", "AccessDenied")  # Asked once: it refuses the next one, too.
    live, before = operations.models({**OUTPUTS, "model_name": "shop", "model_sha256": "b" * 64})
    assert (live.label, live.stage, live.is_live, live.metrics) == ("v2", "Approved", True, {})
    assert (before.label, before.stage, before.is_live) == ("v1", "Rejected", False)
    assert before.metrics == {"r2": 0.91}
    assert before.uri.endswith(f"{'a' * 64}/model.tar.gz")
    assert live.created > before.created


def test_a_group_that_is_gone_is_told_in_aws_words(stub: Stub) -> None:
    stub("sagemaker").add_client_error("list_model_packages", "ValidationException", "shop does not exist")
    with pytest.raises(UserError, match="shop does not exist"):
        operations.models({**OUTPUTS, "model_name": "shop"})
