"""Stacks on AWS by their settings: what each alternative declares, and what it leaves out."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.embedded.engine.plan import Plan
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.plan import plan

ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 60))
IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/trainer@sha256:{'0' * 64}"
TRAINED = {
    "data": {"path": "data.csv"},
    "training": {"estimator": "svm", "target": "bought"},
    "image": IMAGE,
}
PIN = {"name": "shop", "uri": "s3://elsewhere/models/a/model.tar.gz", "sha256": "0" * 64, "version": "v1"}


def found(folder: Path, *, project: str = "shop", **keys: Any) -> Plan:
    from mlcloud.aws.stack import build

    (folder / "data.csv").write_text(ROWS)
    given = {"cloud": "aws", "region": "eu-central-1", **keys}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    settings = load({f"mlcloud:{key}": text for key, text in texts.items()})
    context = StackContext.of(settings, project=project, stack="dev", root=folder)
    providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}

    def program() -> None:
        for name, value in build(settings, context).items():
            pulumi.export(name, value)

    return plan(program, providers=providers, folder=folder)


def declared(folder: Path, *, project: str = "shop", **keys: Any) -> list[dict[str, Any]]:
    planned = found(folder, project=project, **keys)
    assert planned.ok, planned.diagnostics
    return planned.to_dict()["resources"]


def kinds(resources: list[dict[str, Any]]) -> Counter[str]:
    return Counter(entry["type"].rsplit(":", 1)[-1] for entry in resources)


def one(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (entry,) = (entry for entry in resources if entry["type"].rsplit(":", 1)[-1] == kind)
    return entry["inputs"]


def test_an_image_by_digest_needs_no_repository_and_no_build(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    assert not {"Repository", "Image"} & set(kinds(resources))
    assert one(resources, "TrainingRun")["imageUri"] == IMAGE
    policies = [entry for entry in resources if entry["name"] == "identity-training-policy"]
    assert ":repository/team/trainer" in policies[0]["inputs"]["policy"]


def test_the_data_lies_under_its_hash_and_the_run_is_told(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    uploaded, run = one(resources, "BucketObjectv2"), one(resources, "TrainingRun")
    assert uploaded["key"] == f"objects/{run['dataSha256']}/data.csv"
    assert run["dataUri"] == f"s3://{uploaded['bucket']}/{uploaded['key']}"


def test_a_pinned_model_needs_no_run_and_says_when_it_lies_elsewhere(tmp_path: Path) -> None:
    planned = found(tmp_path, model=PIN, image=IMAGE)
    assert planned.ok, planned.diagnostics
    assert not {"TrainingRun", "BucketObjectv2"} & set(kinds(planned.to_dict()["resources"]))
    warnings = [told.message for told in planned.diagnostics if told.severity == "warning"]
    assert any("aws s3 cp s3://elsewhere/models/a/model.tar.gz" in message for message in warnings)


def test_an_existing_network_is_used_and_not_made(tmp_path: Path) -> None:
    network = {"kind": "existing", "subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}
    resources = declared(tmp_path, **TRAINED, network=network)
    assert not {"Vpc", "Subnet", "SecurityGroup"} & set(kinds(resources))
    assert one(resources, "Model")["vpcConfig"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["sg-1"],
    }
    assert one(resources, "TrainingRun")["subnetIds"] == ["subnet-1", "subnet-2"]
    policy = next(entry for entry in resources if entry["name"] == "identity-endpoint-policy")
    join = next(s for s in json.loads(policy["inputs"]["policy"])["Statement"] if s["Sid"] == "Join")
    assert [arn.rsplit(":", 1)[-1] for arn in join["Resource"]] == [
        "subnet/subnet-1",
        "subnet/subnet-2",
        "security-group/sg-1",
        "network-interface/*",
    ]


def test_without_a_network_no_role_may_join_one(tmp_path: Path) -> None:
    for entry in declared(tmp_path, **TRAINED):
        if entry["name"].startswith("identity-") and entry["name"].endswith("-policy"):
            assert "ec2:" not in entry["inputs"]["policy"]


GPUS = {"network": {"kind": "managed"}, "cluster": {"accelerator": "A10G", "max_machines": 4}}


def test_a_run_on_the_cluster_is_a_job_on_its_queue_and_none_of_sagemaker(tmp_path: Path) -> None:
    training = {**TRAINED["training"], "compute": {"kind": "cluster"}}
    resources = declared(tmp_path, **{**TRAINED, **GPUS, "training": training})
    assert "TrainingRun" not in kinds(resources)
    run, queue = one(resources, "BatchTrainingRun"), one(resources, "JobQueue")
    group = next(e for e in resources if e["name"] == "cluster-logs" and "logGroup" in e["type"])
    assert run["logGroup"] == group["inputs"]["name"] == f"/aws/batch/{queue['name']}"
    assert run["dataUri"].endswith(one(resources, "BucketObjectv2")["key"])
    assert run.get("nodes", 1) == 1
    (model,) = (entry for entry in resources if entry["type"].endswith(":Model"))
    assert any("BatchTrainingRun" in urn for urn in model["dependencies"])


def test_a_run_on_several_machines_makes_the_clusters_jobs_multinode(tmp_path: Path) -> None:
    training = {**TRAINED["training"], "compute": {"kind": "cluster", "nodes": 2}}
    resources = declared(tmp_path, **{**TRAINED, **GPUS, "training": training})
    assert one(resources, "BatchTrainingRun")["nodes"] == 2
    assert one(resources, "JobDefinition")["type"] == "multinode"


def test_a_serverless_endpoint_has_no_scaling(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED, endpoint={"capacity": {"kind": "serverless"}})
    assert "Policy" not in {
        entry["type"].rsplit(":", 1)[-1] for entry in resources if "scal" in entry["type"]
    }
    (variant,) = one(resources, "EndpointConfiguration")["productionVariants"]
    assert variant["serverlessConfig"] == {"memorySizeInMb": 2048, "maxConcurrency": 5}
    assert "vpcConfig" not in one(resources, "Model")


def test_an_asynchronous_endpoint_scales_to_zero_and_may_write_its_answers(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED, endpoint={"capacity": {"kind": "asynchronous", "max": 2}})
    target = one(resources, "Target")
    assert (target["minCapacity"], target["maxCapacity"]) == (0, 2)
    place = one(resources, "EndpointConfiguration")["asyncInferenceConfig"]["outputConfig"]["s3OutputPath"]
    policy = next(entry for entry in resources if entry["name"] == "identity-endpoint-policy")
    answer = next(s for s in json.loads(policy["inputs"]["policy"])["Statement"] if s["Sid"] == "Answer")
    assert answer["Resource"] == [f"{place.replace('s3://', 'arn:aws:s3:::')}*"]


def test_a_stack_without_a_budget_has_none_and_alarms_are_told_to_whom_the_settings_say(
    tmp_path: Path,
) -> None:
    resources = declared(tmp_path, **TRAINED, monitoring={"notify": ["a@example.com", "b@example.com"]})
    assert "Budget" not in kinds(resources)
    assert kinds(resources)["TopicSubscription"] == 2


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_what_the_command_line_reads(tmp_path: Path, training: bool) -> None:
    planned = found(tmp_path, **(TRAINED if training else {"model": PIN, "image": IMAGE}))
    needed = {
        *("cloud", "region", "endpoint_name", "endpoint_url", "endpoint_logs", "variant_name"),
        *("model_name", "model_uri", "model_sha256", "model_version"),
        *(("metrics", "report", "training_logs", "training_run") if training else ()),
    }
    assert planned.ok, planned.diagnostics
    assert needed <= set(planned.to_dict()["outputs"])


@pytest.mark.parametrize("project", ["shop", "a-project-with-a-name-of-so-many-characters", "p" * 70])
def test_roles_and_deployer_reach_the_endpoint_and_the_runs_whatever_the_projects_name(
    tmp_path: Path, project: str
) -> None:
    resources = declared(tmp_path, project=project, **TRAINED)
    endpoint, run = (one(resources, kind)["name"] for kind in ("Endpoint", "TrainingRun"))
    policies = {entry["name"]: entry["inputs"].get("policy", "") for entry in resources}
    assert f":log-group:/aws/sagemaker/Endpoints/{endpoint}:" in policies["identity-endpoint-policy"]
    deployer = policies["identity-deployer-serving"]
    assert f":endpoint/{endpoint}*" in deployer
    assert f":training-job/{run}*" in deployer
    assert f":log-group:/aws/sagemaker/Endpoints/{endpoint}:" in deployer
    assert f":alarm:TargetTracking-endpoint/{endpoint}/*" in deployer
