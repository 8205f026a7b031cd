"""What a stack needs of an AWS account; botocore checks every call and answer against the API's model."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from mlcloud.cli.__main__ import main
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck, check_quotas
from mlcloud.core.settings import Settings
from mlcloud.provider.aws.clients import Clients

ENDPOINT = "ml.m5.large for endpoint usage"
TRAINING = "ml.m5.large for training job usage"


class Account:
    """An account with quotas of its own, and the defaults of AWS."""

    def __init__(self) -> None:
        client = boto3.client(
            "service-quotas", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stub = Stubber(client)
        self.stub.activate()

    def has(
        self, service: str, own: dict[str, float], defaults: dict[str, float] | None = None, **more: Any
    ) -> None:
        """The next answers for a service: its defaults in two pages, then the account's own values."""
        listed = [_quota(service, name, value, **more) for name, value in (defaults or own).items()]
        asked = {"ServiceCode": service}
        operation = "list_aws_default_service_quotas"
        self.stub.add_response(operation, {"Quotas": listed[:1], "NextToken": "2"}, asked)
        self.stub.add_response(operation, {"Quotas": listed[1:]}, {**asked, "NextToken": "2"})
        owned = [_quota(service, name, value, **more) for name, value in own.items()]
        self.stub.add_response("list_service_quotas", {"Quotas": owned}, asked)


def _quota(service: str, name: str, value: float, **more: Any) -> dict[str, Any]:
    code = f"L-{abs(hash(name)) % 16**8:08X}"
    return {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": value, **more}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    monkeypatch.setattr(Clients, "of", lambda self, service: made.stub.client)
    yield made
    made.stub.assert_no_pending_responses()


def settings(**more: Any) -> Settings:
    given = {
        "cloud": "aws",
        "region": "eu-central-1",
        "data": {"path": "a.csv"},
        "training": {"estimator": "svm", "target": "y"},
    }
    return Settings.model_validate({**given, **more})


def by_setting(checks: Any) -> dict[str, QuotaCheck]:
    return {check.setting: check for check in checks}


def test_an_endpoint_needs_its_machines_twice_while_an_update_moves_the_traffic(account: Account) -> None:
    account.has("sagemaker", {ENDPOINT: 5, TRAINING: 1})
    found = by_setting(check_quotas(settings(endpoint={"capacity": {"min": 1, "max": 4}})))
    endpoint = found["endpoint.capacity"]
    assert (endpoint.quota, endpoint.needed, endpoint.allowed, endpoint.missing) == (ENDPOINT, 8, 5, 3)
    assert endpoint.fix == (
        "aws service-quotas request-service-quota-increase --region eu-central-1 --service-code sagemaker "
        f"--quota-code {endpoint.code} --desired-value 8"
    )
    assert (found["training.compute"].missing, found["training.compute"].fix) == (0, "")


def test_an_account_without_a_value_of_its_own_has_the_default(account: Account) -> None:
    account.has("sagemaker", {TRAINING: 4}, {ENDPOINT: 0, TRAINING: 2})
    found = by_setting(check_quotas(settings()))
    assert (found["endpoint.capacity"].allowed, found["endpoint.capacity"].missing) == (0, 2)
    assert found["training.compute"].allowed == 4


@pytest.mark.parametrize(
    ("spot", "words"), [(True, "spot training job usage"), (False, "training job usage")]
)
def test_spot_training_counts_against_a_quota_of_its_own(account: Account, *, spot: bool, words: str) -> None:
    name = f"ml.g5.xlarge for {words}"
    other = f"ml.g5.xlarge for {'training' if spot else 'spot training'} job usage"
    account.has("sagemaker", {name: 1, other: 9, ENDPOINT: 9})
    compute = {"instance_type": "ml.g5.xlarge", "instances": 3, "spot": spot}
    training = {"estimator": "svm", "target": "y", "compute": compute}
    found = by_setting(check_quotas(settings(training=training)))["training.compute"]
    assert (found.quota, found.needed, found.missing) == (name, 3, 2)


@pytest.mark.parametrize(
    ("accelerator", "spot", "name", "vcpus"),
    [
        ("A10G", True, "All G and VT Spot Instance Requests", 8),
        ("A10G", False, "Running On-Demand G and VT instances", 8),
        ("H100", False, "Running On-Demand P instances", 32),
        ("H100", True, "All P5 Spot Instance Requests", 32),
    ],
)
def test_a_cluster_needs_the_processors_of_all_its_machines(
    account: Account, *, accelerator: str, spot: bool, name: str, vcpus: int
) -> None:
    cluster = {"accelerator": accelerator, "accelerators": 1, "max_machines": 2, "spot": spot}
    account.has("sagemaker", {ENDPOINT: 9, TRAINING: 9})
    account.has("ec2", {name: 4, "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests": 99})
    given = settings(cluster=cluster, network={"kind": "managed"})
    found = by_setting(check_quotas(given))["cluster.max_machines"]
    assert (found.quota, found.needed, found.missing) == (name, vcpus, vcpus - 4)
    assert "--service-code ec2" in found.fix


def test_a_run_on_the_cluster_takes_its_machines_and_none_of_sagemakers(account: Account) -> None:
    account.has("ec2", {"Running On-Demand G and VT instances": 99})
    account.has("sagemaker", {ENDPOINT: 9})
    training = {"estimator": "svm", "target": "y", "compute": {"kind": "cluster"}}
    given = settings(training=training, cluster={"accelerator": "A10G"}, network={"kind": "managed"})
    assert set(by_setting(check_quotas(given))) == {"cluster.max_machines", "endpoint.capacity"}


def test_a_serverless_endpoint_needs_concurrency(account: Account) -> None:
    name = "Maximum total concurrency that can be allocated across all serverless endpoints"
    account.has("sagemaker", {name: 10, TRAINING: 9})
    capacity = {"kind": "serverless", "max_concurrency": 50}
    found = by_setting(check_quotas(settings(endpoint={"capacity": capacity})))
    assert found["endpoint.capacity.max_concurrency"].missing == 40


def test_a_quota_that_aws_does_not_list_or_raise_is_told_as_such(account: Account) -> None:
    account.has("sagemaker", {ENDPOINT: 1, "x": 1}, Adjustable=False)
    found = by_setting(check_quotas(settings()))
    assert (found["training.compute"].allowed, found["training.compute"].missing) == (None, 0)
    assert "lists no such quota in eu-central-1" in found["training.compute"].fix
    assert "AWS does not raise it" in found["endpoint.capacity"].fix


def test_a_refused_look_is_told_in_aws_words(account: Account) -> None:
    account.stub.add_client_error(
        "list_aws_default_service_quotas", "AccessDeniedException", "User x may not"
    )
    with pytest.raises(UserError, match="User x may not"):
        check_quotas(settings())


def test_local_has_no_quotas() -> None:
    local = Settings.model_validate(
        {"data": {"path": "a.csv"}, "training": {"estimator": "svm", "target": "y"}}
    )
    with pytest.raises(UserError, match="local has no quotas"):
        check_quotas(local)


# --- the command line ---

ROOT = Path(__file__).resolve().parents[2]


def test_a_preview_with_quotas_fails_where_one_is_too_small_and_says_what_to_request(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    monkeypatch.chdir(ROOT)
    name = "ml.m5.large for spot training job usage"
    serving = "ml.t2.medium for endpoint usage"
    account.has("sagemaker", {serving: 0, name: 4})
    assert main(["preview", "aws-dev", "--quotas"]) == 1
    told = capsys.readouterr().out
    assert serving in told
    assert "0 allowed" in told
    assert "request-service-quota-increase --region eu-central-1" in told

    account.has("sagemaker", {serving: 20, name: 4})
    assert main(["preview", "aws-dev", "--quotas", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {check["missing"] for check in found["quotas"]} == {0}


def test_a_preview_without_quotas_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(_self: Clients, service: str) -> Callable[..., Any]:
        raise AssertionError(service)

    monkeypatch.setattr(Clients, "of", refuse)
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    monkeypatch.chdir(ROOT)
    assert main(["preview", "aws-dev", "--json"]) == 0
    assert "quotas" not in json.loads(capsys.readouterr().out)
