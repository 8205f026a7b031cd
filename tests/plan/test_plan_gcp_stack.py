"""Stacks on GCP by their settings: what each alternative declares, and what it leaves out."""

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
IMAGE = f"europe-west4-docker.pkg.dev/team-123456/images/trainer@sha256:{'0' * 64}"
TRAINED = {
    "data": {"path": "data.csv"},
    "training": {"estimator": "svm", "target": "bought"},
    "image": IMAGE,
}
PIN = {"name": "shop", "uri": "gs://elsewhere/models/a", "sha256": "0" * 64, "version": "v1"}
PROJECT = "shop-123456"


def found(folder: Path, *, project: str | None = PROJECT, **keys: Any) -> Plan:
    from mlcloud.gcp.stack import build

    (folder / "data.csv").write_text(ROWS)
    notify = {"notify": ["ml-team@example.com"]}
    given = {"cloud": "gcp", "region": "europe-west4", "monitoring": notify, **keys}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    settings = load({f"mlcloud:{key}": text for key, text in texts.items()})
    context = StackContext.of(settings, project="shop", stack="dev", root=folder)
    providers = {**providers_for("gcp"), "mlcloud": make_servicer(Engine(None))}

    def program() -> None:
        for name, value in build(settings, context).items():
            pulumi.export(name, value)

    config = {} if project is None else {"gcp:project": project}
    return plan(program, providers=providers, folder=folder, config=config)


def declared(folder: Path, **keys: Any) -> list[dict[str, Any]]:
    planned = found(folder, **keys)
    assert planned.ok, planned.diagnostics
    return planned.to_dict()["resources"]


def kinds(resources: list[dict[str, Any]]) -> Counter[str]:
    return Counter(entry["type"].rsplit(":", 1)[-1] for entry in resources)


def one(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (entry,) = (entry for entry in resources if entry["type"].rsplit(":", 1)[-1] == kind)
    return entry["inputs"]


def test_the_project_is_the_one_that_the_config_names(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    assert {entry["inputs"].get("project") for entry in resources} - {None} == {PROJECT}
    assert one(resources, "ModelDeployment")["serviceAccount"].endswith(f"@{PROJECT}.iam.gserviceaccount.com")


def test_an_image_by_digest_needs_no_repository_and_no_build(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    assert not {"Repository", "Image"} & set(kinds(resources))
    assert one(resources, "TrainingRun")["imageUri"] == IMAGE


def test_the_data_lies_under_its_hash_and_the_run_is_told(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    uploaded, run = one(resources, "BucketObject"), one(resources, "TrainingRun")
    assert uploaded["name"] == f"objects/{run['dataSha256']}/data.csv"
    assert run["dataUri"] == f"gs://{uploaded['bucket']}/{uploaded['name']}"


def test_a_pinned_model_needs_no_run_and_says_when_it_lies_elsewhere(tmp_path: Path) -> None:
    planned = found(tmp_path, model=PIN, image=IMAGE)
    assert planned.ok, planned.diagnostics
    assert not {"TrainingRun", "BucketObject"} & set(kinds(planned.to_dict()["resources"]))
    warnings = [told.message for told in planned.diagnostics if told.severity == "warning"]
    assert any("gcloud storage cp -r gs://elsewhere/models/a" in message for message in warnings)


def test_an_existing_network_is_used_and_not_made(tmp_path: Path) -> None:
    subnets = [f"projects/{PROJECT}/regions/europe-west4/subnetworks/team-{part}" for part in ("a", "b")]
    resources = declared(tmp_path, **TRAINED, network={"kind": "existing", "subnets": subnets})
    assert not {"Network", "Subnetwork", "Firewall", "ServiceConnectionPolicy"} & set(kinds(resources))
    assert one(resources, "NetworkAttachment")["subnetworks"] == subnets
    attachment = f"projects/{PROJECT}/regions/europe-west4/networkAttachments/shop-dev-attachment"
    assert one(resources, "TrainingRun")["networkAttachment"] == attachment
    (automation,) = one(resources, "AiEndpoint")["privateServiceConnectConfig"]["pscAutomationConfigs"]
    assert automation["network"] == f"projects/{PROJECT}/global/networks/team"


def test_a_network_in_dev_makes_the_endpoint_private(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED, network={"kind": "managed", "cidr": "10.30.0.0/20"})
    assert one(resources, "Subnetwork")["ipCidrRange"] == "10.30.0.0/20"
    assert "dedicatedEndpointEnabled" not in one(resources, "AiEndpoint")
    services = {entry["inputs"].get("service") for entry in resources}
    assert {"dns.googleapis.com", "networkconnectivity.googleapis.com"} <= services


def test_a_cluster_needs_no_network_and_brings_its_accelerators(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED, cluster={"accelerator": "A100", "accelerators": 2})
    machines = one(resources, "AiPersistentResource")
    (pool,) = machines["resourcePools"]
    assert pool["machineSpec"] == {
        "machineType": "a2-highgpu-2g",
        "acceleratorType": "NVIDIA_TESLA_A100",
        "acceleratorCount": 2,
    }
    assert {"autoscalingSpec"}.isdisjoint(pool)
    assert {"pscInterfaceConfig"}.isdisjoint(machines)


def test_a_run_on_the_cluster_names_its_machines_as_they_are_and_no_spare_ones(tmp_path: Path) -> None:
    training = {**TRAINED["training"], "compute": {"kind": "cluster", "nodes": 2}}
    cluster = {"accelerator": "T4", "accelerators": 2, "max_machines": 4}
    network = {"kind": "managed"}
    resources = declared(tmp_path, **{**TRAINED, "training": training}, cluster=cluster, network=network)
    run, machines = one(resources, "TrainingRun"), one(resources, "AiPersistentResource")
    (pool,) = machines["resourcePools"]
    assert run["persistentResource"] == machines["name"]
    named = {key: run[key] for key in ("machineType", "acceleratorType", "acceleratorCount")}
    assert named == pool["machineSpec"]
    assert run["diskGb"] == pool["diskSpec"]["bootDiskSizeGb"]
    assert (run["replicaCount"], run["spot"]) == (2, False)
    assert run["kmsKeyName"] == machines["encryptionSpec"]["kmsKeyName"]
    assert run["networkAttachment"] == machines["pscInterfaceConfig"]["networkAttachment"]
    # A job may work as the account that it names.
    account = machines["resourceRuntimeSpec"]["serviceAccountSpec"]
    assert account["enableCustomServiceAccount"]


def test_a_machine_with_accelerators_scales_and_is_watched_by_them(tmp_path: Path) -> None:
    capacity = {"instance_type": "g2-standard-8", "max": 3}
    resources = declared(tmp_path, **TRAINED, endpoint={"capacity": capacity})
    deployment = one(resources, "ModelDeployment")
    assert (deployment["acceleratorType"], deployment["acceleratorCount"]) == ("NVIDIA_L4", 1)
    assert deployment["scaling"] == {"cpu": 60, "gpu": 60}
    assert "monitoring-gpu" in {entry["name"] for entry in resources}


def test_a_stack_without_a_budget_has_none_and_alarms_are_told_to_whom_the_settings_say(
    tmp_path: Path,
) -> None:
    resources = declared(tmp_path, **TRAINED, monitoring={"notify": ["a@example.com", "b@example.com"]})
    assert "Budget" not in kinds(resources)
    assert kinds(resources)["NotificationChannel"] == 2
    policies = [entry["inputs"] for entry in resources if entry["type"].endswith(":AlertPolicy")]
    assert all(len(policy["notificationChannels"]) == 2 for policy in policies)


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_what_the_command_line_reads(tmp_path: Path, training: bool) -> None:
    planned = found(tmp_path, **(TRAINED if training else {"model": PIN, "image": IMAGE}))
    needed = {
        *("cloud", "account", "region", "endpoint_id", "endpoint_name", "endpoint_url", "endpoint_logs"),
        *("model_name", "model_uri", "model_sha256", "model_version"),
        *(("metrics", "report", "training_logs", "training_run") if training else ()),
    }
    assert planned.ok, planned.diagnostics
    assert needed <= set(planned.to_dict()["outputs"])


def test_containers_may_write_lines_as_the_accounts_that_they_work_as(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    members = [
        entry["inputs"]["member"]
        for entry in resources
        if entry["inputs"].get("role") == "roles/logging.logWriter"
    ]
    accounts = [one(resources, kind)["serviceAccount"] for kind in ("TrainingRun", "ModelDeployment")]
    assert sorted(members) == sorted(f"serviceAccount:{account}" for account in accounts)


def test_apis_are_enabled_without_a_quota_project_and_all_else_uses_the_stacks_own(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    providers = {entry["name"]: entry["inputs"] for entry in resources if "providers:gcp" in entry["type"]}
    assert {"userProjectOverride", "billingProject"}.isdisjoint(providers["gcp-setup"])
    assert providers["gcp"]["billingProject"] == PROJECT
    assert providers["gcp"]["userProjectOverride"] in (True, "true")


@pytest.mark.parametrize(
    ("accelerator", "count", "disk"),
    [
        ("T4", 1, "pd-ssd"),
        ("H100", 8, "pd-ssd"),
        ("H200", 8, "hyperdisk-balanced"),
        ("B200", 8, "hyperdisk-balanced"),
    ],
)
def test_a_clusters_machines_have_the_disks_that_they_take(
    accelerator: str, count: int, disk: str, tmp_path: Path
) -> None:
    cluster = {"accelerator": accelerator, "accelerators": count}
    (pool,) = one(declared(tmp_path, **TRAINED, cluster=cluster), "AiPersistentResource")["resourcePools"]
    assert pool["diskSpec"]["bootDiskType"] == disk
