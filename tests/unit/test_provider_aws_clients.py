"""What people read when AWS cannot be asked or refuses."""

import subprocess
import sys

import pytest
from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.errors import ResourceError


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials from anywhere."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.mark.usefixtures("nobody")
def test_without_credentials_it_says_how_to_get_some() -> None:
    with pytest.raises(ResourceError, match="There are no AWS credentials: log in"):
        Clients("eu-central-1").call("sagemaker", "describe_endpoint", EndpointName="churn")


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ResourceError, match=r"`mlcloud\[aws\]`"):
        Clients("eu-central-1")


def test_an_operation_that_this_boto3_does_not_know_is_named() -> None:
    with pytest.raises(ResourceError, match=r"boto3 .* does not know fly of sagemaker"):
        Clients("eu-central-1").call("sagemaker", "fly")


@pytest.mark.usefixtures("nobody")
def test_a_mistyped_parameter_is_named_before_anything_is_sent() -> None:
    with pytest.raises(ResourceError, match='Unknown parameter in input: "Colour"'):
        Clients("eu-central-1").call("sagemaker", "describe_endpoint", EndpointName="churn", Colour="red")


@pytest.mark.parametrize(
    ("code", "reason", "missing"),
    [
        ("ValidationException", 'Could not find endpoint "arn:..."', True),
        ("ValidationException", "Requested resource not found.", True),
        ("ValidationException", "The instance type is not supported", False),
        ("NoSuchKey", "The specified key does not exist", True),
        ("AccessDenied", "not found", False),
    ],
)
def test_what_is_missing_is_told_from_what_is_wrong(code: str, reason: str, *, missing: bool) -> None:
    assert AwsError("DescribeEndpoint", code, reason).is_missing is missing


def test_expired_credentials_say_that_the_update_goes_on_from_here() -> None:
    text = str(AwsError("DescribeTrainingJob", "ExpiredTokenException", "The token has expired"))
    assert "log in again" in text
    assert "goes on from here" in text


def test_starting_checking_and_previewing_import_no_sdk_of_a_cloud() -> None:
    script = """
import sys
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.values import encode

servicer = make_servicer(Engine(None))
assert servicer.GetSchema(None, None).schema.count("mlcloud:aws:") >= 3
urn = "urn:pulumi:dev::project::mlcloud:aws:Endpoint::one"
given = encode({"name": "a", "region": "eu-central-1", "endpointConfigName": "b"})
assert not servicer.Check(provider_pb2.CheckRequest(urn=urn, news=given), None).failures
servicer.Create(provider_pb2.CreateRequest(urn=urn, properties=given, preview=True), None)
servicer.Diff(provider_pb2.DiffRequest(urn=urn, old_inputs=given, news=given, olds=encode({
    "name": "a", "region": "eu-central-1", "endpointConfigName": "b", "arn": "c", "url": "d",
    "status": "InService", "variantNames": [], "configNames": []})), None)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("boto3", "botocore")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.strip() == "[]"
