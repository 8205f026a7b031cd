"""What AWS's model and training components declare, and what they refuse."""

import json
from typing import Any

import pytest
from mlcloud.aws.models import AwsModel, AwsModelArgs, ServedModel
from mlcloud.aws.placement import Placement
from mlcloud.aws.training import AwsTraining, AwsTrainingArgs
from mlcloud.core.args import TrainingArgs
from mlcloud.core.errors import ArgsError
from support.aws_declared import IMAGE, KEY, ROLE, Declared, scope

PLACEMENT = Placement(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])
MODEL = ServedModel(name="houses", uri="s3://shop/models/0f/model.tar.gz", sha256="0f" * 32, image_uri=IMAGE)


def test_a_version_carries_hash_metrics_and_approval() -> None:
    found = Declared(lambda: AwsModel("m", AwsModelArgs(scope=scope(), model=MODEL, metrics={"r2": 0.91})))
    group = found.one("ModelPackageGroup")
    assert (group["protect"], group["retainOnDelete"]) == (True, True)
    version = found.one("Resource")
    assert (version["protect"], version["retainOnDelete"]) == (False, True)
    assert version["inputs"]["typeName"] == "AWS::SageMaker::ModelPackage"
    state = json.loads(version["inputs"]["desiredState"])
    assert state["ModelApprovalStatus"] == "PendingManualApproval"
    assert state["CustomerMetadataProperties"] == {
        "sha256": "0f" * 32,
        "version": "0f" * 6,
        "metric.r2": "0.91",
    }


def training(environment: str, **more: Any) -> Declared:
    given: dict[str, Any] = {
        "training": TrainingArgs(estimator="random_forest", target="price", gate={"r2": 0.8}),
        "data_uri": "s3://shop-data/objects/houses.csv",
        "data_sha256": "0f" * 32,
        "image_uri": IMAGE,
        "role_arn": ROLE,
        "models_bucket": "shop-models",
        **more,
    }
    args = AwsTrainingArgs(scope=scope(environment), **given)
    return Declared(lambda: AwsTraining("t", args))


def test_a_training_run_reaches_no_network() -> None:
    run = training("prod", placement=PLACEMENT, kms_key_arn=KEY, instances=2).inputs("TrainingRun")
    assert run["networkIsolation"] is True
    assert run["encryptBetweenContainers"] is True
    assert run["kmsKeyArn"] == KEY
    assert run["subnetIds"] == ["subnet-1", "subnet-2"]
    assert run["instanceCount"] == 2
    assert run["name"] == "shop-prod"
    assert run["gate"] == {"r2": 0.8}


def test_dev_trains_on_spare_capacity_without_a_network() -> None:
    run = training("dev", spot=True).inputs("TrainingRun")
    assert run["spot"] is True
    assert run["networkIsolation"] is True
    assert {"subnetIds", "kmsKeyArn"}.isdisjoint(run)


def test_prod_trains_with_a_key_in_a_private_network_only() -> None:
    with pytest.raises(ArgsError) as refused:
        training("prod")
    assert [problem.path for problem in refused.value.problems] == ["kms_key_arn", "placement"]
