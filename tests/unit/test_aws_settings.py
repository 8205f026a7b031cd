"""Settings that AWS cannot have: refused by their path, with what is possible instead, all at once."""

import json
import subprocess
import sys
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError, Problem
from mlcloud.core.settings import Settings, load
from support.settings_files import flat

IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/trainer@sha256:{'0' * 64}"
PIN = {"name": "shop", "uri": "s3://models/a/model.tar.gz", "sha256": "0" * 64, "version": "v1"}
TRAINED = {"data": {"path": "a.csv"}, "training": {"estimator": "svm", "target": "y"}}
NETWORK = {"zones": 2}
SERVERLESS = {"capacity": {"kind": "serverless"}}


def given(**keys: Any) -> dict[str, str]:
    texts = flat({"cloud": "aws", "region": "eu-central-1", **keys})
    return {f"mlcloud:{key}": text for key, text in texts.items()}


def read(**keys: Any) -> Settings:
    return load(given(**(TRAINED | keys)))


def problems(**keys: Any) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        load(given(**(TRAINED | keys)))
    return list(refused.value.problems)


def moving(kind: str, instance_type: str = "ml.m5.large", **more: Any) -> dict[str, Any]:
    return {"capacity": {"instance_type": instance_type}, "rollout": {"kind": kind, **more}}


SLOW = moving("linear", step_percent=10, wait_minutes=60)
THREE = {"accelerator": "A10G", "accelerators": 3}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"region": "europe-west1"}, "region", "such a code"),
    ({"data": {"path": "s3://bucket/a.csv"}}, "data.path", "name the file"),
    ({"data": {"path": "gs://bucket/a.csv"}}, "data.path", "name the file"),
    ({"image": f"docker.io/team/trainer@sha256:{'0' * 64}"}, "image", "push the image to ECR"),
    ({"image": IMAGE.replace("eu-central-1", "us-east-1")}, "image", "push the image to ECR"),
    ({"endpoint": {"port": 8080}}, "endpoint.port", "remove it"),
    ({"endpoint": {"capacity": {"instance_type": "m5.large"}}}, "endpoint.capacity.instance_type", "`ml.m5"),
    ({"endpoint": {"capacity": {"min": 0}}}, "endpoint.capacity.min", "serverless"),
    ({"endpoint": {**SERVERLESS, "rollout": {"kind": "canary"}}}, "endpoint.rollout.kind", "all-at-once"),
    ({"endpoint": {**SERVERLESS, "rollout": {"kind": "linear"}}}, "endpoint.rollout.kind", "all-at-once"),
    ({"endpoint": moving("canary", percent=12.5)}, "endpoint.rollout.percent", "write 12"),
    ({"endpoint": moving("linear", step_percent=10.5)}, "endpoint.rollout.step_percent", "write 10"),
    (
        {"endpoint": moving("linear", step_percent=10, wait_minutes=60)},
        "endpoint.rollout.wait_minutes",
        "less",
    ),
    ({"endpoint": moving("canary", "ml.inf1.xlarge")}, "endpoint.rollout.kind", "ml.inf2"),
    ({"budget": {"monthly": 9, "currency": "EUR"}}, "budget.currency", "`USD`"),
    ({"budget": {"monthly": 9, "currency": "CNY"}}, "budget.currency", "`USD`"),
    ({"region": "cn-north-1", "budget": {"monthly": 9}}, "budget.currency", "`CNY`"),
    ({"cluster": {"accelerator": "A10"}, "network": NETWORK}, "cluster.accelerator", "A10G"),
    (
        {"cluster": {"accelerator": "A10G", "accelerators": 3}, "network": NETWORK},
        "cluster.accelerators",
        "1, 4, 8",
    ),
    ({"cluster": {"accelerator": "A10G"}}, "network.kind", "managed"),
    ({"model": {**PIN, "uri": "s3://models/a/"}}, "model.uri", "archive"),
    (
        {
            "cluster": {"accelerator": "A10G", "max_machines": 2, "spot": True},
            "network": NETWORK,
            "training": {**TRAINED["training"], "compute": {"kind": "cluster", "nodes": 2}},
        },
        "cluster.spot",
        "false",
    ),
    (
        {
            "cluster": {"accelerator": "A10G"},
            "network": NETWORK,
            "training": {
                **TRAINED["training"],
                "compute": {"kind": "cluster"},
                "timeout_minutes": 0.5,
            },
        },
        "training.timeout_minutes",
        "set it to 1",
    ),
]


@pytest.mark.parametrize(("keys", "path", "instead"), REFUSED)
def test_what_aws_cannot_have_is_refused_with_what_it_can(
    keys: dict[str, Any], path: str, instead: str
) -> None:
    (problem,) = problems(**keys)
    assert problem.path == f"mlcloud:{path}"
    assert instead in problem.fix


def test_the_machines_of_a_run_are_sagemakers() -> None:
    training = {**TRAINED["training"], "compute": {"instance_type": "big"}}
    (problem,) = problems(training=training)
    assert problem.path == "mlcloud:training.compute.instance_type"


def test_prod_demands_two_machines_and_a_network() -> None:
    prod = {"environment": "prod", "model": PIN}
    found = problems(**prod, network={"kind": "none"})
    assert [item.path for item in found] == ["mlcloud:endpoint.capacity.min", "mlcloud:network.kind"]
    assert read(**prod, endpoint={"capacity": {"min": 2}}).environment == "prod"


def test_a_network_that_nothing_would_join_is_refused() -> None:
    serving = {"cloud": "aws", "region": "eu-central-1", "model": PIN, "endpoint": SERVERLESS}
    texts = {f"mlcloud:{key}": text for key, text in flat({**serving, "network": {"zones": 2}}).items()}
    with pytest.raises(ConfigError, match="serverless endpoints join no network"):
        load(texts)
    assert read(endpoint=SERVERLESS, network={"zones": 2}).network is not None


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        region="europe-west1",
        data={"path": "s3://bucket/a.csv"},
        endpoint={"port": 8080, **moving("canary", "m5.large", percent=12.5)},
        budget={"monthly": 0, "currency": "EUR"},
    )
    assert {item.path.removeprefix("mlcloud:") for item in found} == {
        "region",
        "data.path",
        "endpoint.port",
        "endpoint.capacity.instance_type",
        "endpoint.rollout.percent",
        "budget.monthly",
        "budget.currency",
    }


@pytest.mark.parametrize(
    "keys",
    [
        {"image": IMAGE, "endpoint": moving("canary", percent=10)},
        {"endpoint": {"capacity": {"kind": "asynchronous"}, "rollout": {"kind": "linear"}}},
        {"endpoint": {**SERVERLESS, "rollout": {"kind": "all-at-once"}}},
        {"region": "cn-north-1", "budget": {"monthly": 9, "currency": "CNY"}},
        {"cluster": {"accelerator": "A10G", "accelerators": 4}, "network": {"zones": 2}},
    ],
)
def test_what_aws_can_have_is_taken(keys: dict[str, Any]) -> None:
    assert read(**keys).cloud == "aws"


def test_reading_settings_of_aws_loads_no_package_of_aws() -> None:
    code = (
        f"import sys; from mlcloud.core.settings import load; load({json.dumps(given(**TRAINED))});"
        "heavy = {'pulumi', 'pulumi_aws', 'boto3', 'botocore'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
