"""What the GCP stacks promise: controls on every bucket, named rights, agents first, labels, kept data."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.markdown import ROOT
from support.stack_plan import plan_of

STACKS = ["gcp-dev", "gcp-prod"]
PROJECT = "example-project"
LOG_WRITER = "roles/logging.logWriter"
BASIC_ROLES = {"roles/owner", "roles/editor", "roles/viewer"}
# Roles that let their holder act as any account of the project, when they are given on a project.
ACTING_ROLES = {
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountAdmin",
}


@cache
def planned(stack: str) -> dict[str, Any]:
    with TemporaryDirectory() as home:
        return plan_of(stack, Path(home))


def resources(stack: str, kind: str) -> list[dict[str, Any]]:
    """Every resource whose type ends with `kind`; an empty answer would prove nothing."""
    found = [entry for entry in planned(stack)["resources"] if entry["type"].rsplit(":", 1)[-1] == kind]
    assert found, f"{stack} declares no {kind}"
    return found


def needed(stack: str, entry: dict[str, Any]) -> set[str]:
    """Names of all that comes before a resource."""
    entries = {item["urn"]: item for item in planned(stack)["resources"]}
    found: set[str] = set()
    waiting = [*entry["dependencies"]]
    while waiting:
        urn = waiting.pop()
        if urn not in found:
            found.add(urn)
            waiting += entries[urn]["dependencies"] if urn in entries else []
    return {urn.split("::")[-1] for urn in found}


@pytest.mark.parametrize("stack", STACKS)
def test_every_bucket_has_every_control(stack: str) -> None:
    buckets = {entry["inputs"]["name"]: entry["inputs"] for entry in resources(stack, "Bucket")}
    logs = [name for name in buckets if "-logs-" in name]
    assert len(buckets) == 3
    assert len(logs) == 1
    for name, inputs in buckets.items():
        assert inputs["uniformBucketLevelAccess"] is True
        assert inputs["publicAccessPrevention"] == "enforced"
        assert inputs["versioning"] == {"enabled": True}
        assert inputs["softDeletePolicy"]["retentionDurationSeconds"] >= 7 * 24 * 3600
        assert "/cryptoKeys/" in inputs["encryption"]["defaultKmsKeyName"]
        actions = [rule["action"]["type"] for rule in inputs["lifecycleRules"]]
        assert actions[:2] == ["AbortIncompleteMultipartUpload", "Delete"]
        assert (inputs.get("logging", {}).get("logBucket") in logs) is (name not in logs)
        assert inputs["location"] == "EUROPE-WEST4"
    prefixes = [inputs["logging"]["logObjectPrefix"] for name, inputs in buckets.items() if name not in logs]
    assert len(set(prefixes)) == 2


@pytest.mark.parametrize("stack", STACKS)
def test_the_key_rotates_and_can_be_brought_back_for_a_month(stack: str) -> None:
    (key,) = resources(stack, "CryptoKey")
    assert int(key["inputs"]["rotationPeriod"].rstrip("s")) <= 90 * 24 * 3600
    assert key["inputs"]["destroyScheduledDuration"] == "2592000s"
    # KMS never gives the name of a ring again.
    (ring,) = resources(stack, "KeyRing")
    assert ring["inputs"]["name"].startswith("storage-key-ring-")


@pytest.mark.parametrize("stack", STACKS)
def test_nobody_is_everybody_and_no_role_is_basic(stack: str) -> None:
    kinds = ("IAMMember", "BucketIAMMember", "CryptoKeyIAMMember", "RepositoryIamMember")
    members = [entry for kind in kinds for entry in resources(stack, kind)]
    assert len(members) > 10
    for entry in members:
        assert entry["inputs"]["member"] not in ("allUsers", "allAuthenticatedUsers")
        assert entry["inputs"]["role"] not in BASIC_ROLES
        if entry["type"].startswith("gcp:projects/"):
            assert entry["inputs"]["role"] not in ACTING_ROLES
    types = {entry["type"] for entry in planned(stack)["resources"]}
    assert not types & {"gcp:serviceaccount/key:Key", "gcp:projects/iAMBinding:IAMBinding"}


@pytest.mark.parametrize("stack", STACKS)
def test_a_custom_role_names_what_it_may(stack: str) -> None:
    for role in resources(stack, "IAMCustomRole"):
        permissions = role["inputs"]["permissions"]
        assert len(permissions) == len(set(permissions)) >= 3
        assert not any("*" in name or name.endswith((".setIamPolicy", ".actAs")) for name in permissions)


@pytest.mark.parametrize("stack", STACKS)
def test_service_accounts_have_rights_on_buckets_and_lines_and_nothing_else(stack: str) -> None:
    emails = {
        f"serviceAccount:{entry['inputs']['accountId']}@{PROJECT}.iam.gserviceaccount.com": entry["name"]
        for entry in resources(stack, "Account")
    }
    assert set(emails.values()) == {"identity-training", "identity-endpoint"}
    held: dict[str, set[str]] = {}
    for entry in planned(stack)["resources"]:
        if entry["inputs"].get("member") in emails:
            # Buckets are named; a log cannot be.
            on_a_bucket = entry["type"] == "gcp:storage/bucketIAMMember:BucketIAMMember"
            assert on_a_bucket or entry["inputs"]["role"] == LOG_WRITER
            held.setdefault(emails[entry["inputs"]["member"]], set()).add(entry["inputs"]["role"])
    assert held["identity-endpoint"] == {LOG_WRITER, "roles/storage.objectViewer"}
    reads_and_writes = {"roles/storage.objectViewer", "roles/storage.objectUser"}
    assert held["identity-training"] == {LOG_WRITER, *reads_and_writes}


@pytest.mark.parametrize("stack", STACKS)
def test_a_fresh_project_has_apis_and_agents_before_anything_needs_them(stack: str) -> None:
    services = {entry["inputs"]["service"] for entry in resources(stack, "Service")}
    assert {"aiplatform.googleapis.com", "cloudkms.googleapis.com", "storage.googleapis.com"} <= services
    assert all(entry["inputs"]["disableOnDestroy"] is False for entry in resources(stack, "Service"))
    (provider,) = (e for e in planned(stack)["resources"] if e["name"] == "gcp" and e["custom"])
    first = needed(stack, provider)
    assert {entry["name"] for entry in resources(stack, "Service")} <= first
    assert {entry["name"] for entry in resources(stack, "ServiceIdentity")} <= first
    assert "foundation-aiplatform-agent-role" in first
    for entry in planned(stack)["resources"]:
        if entry["type"].startswith("gcp:") and not entry["name"].startswith("foundation-"):
            assert entry["provider"] == f"{provider['urn']}::{entry['provider'].split('::')[-1]}"


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_encrypted_comes_after_its_agent_may_use_the_key(stack: str) -> None:
    agents = {
        "Bucket": "storage-key-storage",
        "Repository": "storage-key-artifact-registry",
        "Model": "storage-key-vertex",
        "AiEndpoint": "storage-key-vertex",
        "ModelDeployment": "storage-key-vertex",
    }
    if stack == "gcp-prod":
        agents |= {"ProjectBucketConfig": "storage-key-logging", "AiPersistentResource": "storage-key-vertex"}
    for kind, grant in agents.items():
        for entry in resources(stack, kind):
            assert grant in needed(stack, entry), f"{entry['name']} may come before {grant}"


@pytest.mark.parametrize("stack", STACKS)
def test_what_runs_comes_after_its_accounts_roles(stack: str) -> None:
    (deployment,) = resources(stack, "ModelDeployment")
    assert "identity-endpoint-models" in needed(stack, deployment)
    assert {"endpoint-server-errors", "endpoint-latency-p99"} <= needed(stack, deployment)
    if stack == "gcp-dev":
        (run,) = resources(stack, "TrainingRun")
        assert {"identity-training-data", "identity-training-models"} <= needed(stack, run)
        assert {"registry-reader", "registry-image"} <= needed(stack, run)


@pytest.mark.parametrize("stack", STACKS)
def test_images_are_immutable_scanned_encrypted_and_referred_to_by_digest(stack: str) -> None:
    (repository,) = resources(stack, "Repository")
    inputs = repository["inputs"]
    assert inputs["dockerConfig"] == {"immutableTags": True}
    assert inputs["vulnerabilityScanningConfig"] == {"enablementConfig": "INHERITED"}
    assert "/cryptoKeys/" in inputs["kmsKeyName"]
    # An image that an endpoint runs has a tag, and must not go.
    assert [policy["condition"]["tagState"] for policy in inputs["cleanupPolicies"]] == ["UNTAGGED"]
    (image,) = resources(stack, "Image")
    assert image["inputs"]["target"] == "nonroot"
    for model in resources(stack, "Model"):
        assert "@sha256:" in model["inputs"]["imageUri"]
        assert "/cryptoKeys/" in model["inputs"]["kmsKeyName"]


def test_prods_endpoint_answers_in_its_network_alone_and_devs_is_dedicated() -> None:
    (private,) = resources("gcp-prod", "AiEndpoint")
    connect = private["inputs"]["privateServiceConnectConfig"]
    assert connect["enablePrivateServiceConnect"] is True
    assert connect["projectAllowlists"] == [PROJECT]
    (automation,) = connect["pscAutomationConfigs"]
    assert automation["network"].startswith(f"projects/{PROJECT}/global/networks/")
    assert "network-vertex" in needed("gcp-prod", private)
    (public,) = resources("gcp-dev", "AiEndpoint")
    assert public["inputs"]["dedicatedEndpointEnabled"] is True
    for inputs in (private["inputs"], public["inputs"]):
        # checkov CKV2_GCP_33 wants `network`: ADR 0014.
        assert not {"network", "trafficSplit"} & set(inputs)
        assert "/cryptoKeys/" in inputs["encryptionSpec"]["kmsKeyName"]


def test_prod_has_no_way_to_the_internet() -> None:
    (network,) = resources("gcp-prod", "Network")
    assert network["inputs"]["autoCreateSubnetworks"] is False
    assert network["inputs"]["deleteDefaultRoutesOnCreate"] is True
    (subnet,) = resources("gcp-prod", "Subnetwork")
    assert subnet["inputs"]["privateIpGoogleAccess"] is True
    assert subnet["inputs"]["logConfig"]["metadata"] == "INCLUDE_ALL_METADATA"
    assert [entry["inputs"]["destRange"] for entry in resources("gcp-prod", "Route")] == ["199.36.153.8/30"]
    for rule in resources("gcp-prod", "Firewall"):
        inputs = rule["inputs"]
        assert inputs["logConfig"], rule["name"]
        assert "0.0.0.0/0" not in inputs.get("sourceRanges", [])
        if "0.0.0.0/0" in inputs.get("destinationRanges", []):
            assert inputs["denies"] == [{"protocol": "all"}]
            assert "allows" not in inputs
    types = {entry["type"].rsplit(":", 1)[-1] for entry in planned("gcp-prod")["resources"]}
    assert not types & {"Router", "RouterNat", "Address", "GlobalAddress"}


def test_dev_costs_nothing_for_a_network_or_machines_that_wait() -> None:
    types = {entry["type"].split(":")[1].split("/")[0] for entry in planned("gcp-dev")["resources"]}
    assert not types & {"compute", "dns", "networkconnectivity"}
    kinds = {entry["type"].rsplit(":", 1)[-1] for entry in planned("gcp-dev")["resources"]}
    assert not kinds & {"AiPersistentResource", "Budget"}
    (run,) = resources("gcp-dev", "TrainingRun")
    assert run["inputs"]["spot"] is True


def test_prods_endpoint_goes_only_when_its_protection_was_taken_off() -> None:
    for kind in ("AiEndpoint", "ModelDeployment"):
        (prod,), (dev,) = resources("gcp-prod", kind), resources("gcp-dev", kind)
        assert (prod["protect"], prod["retainOnDelete"]) == (True, False)
        assert not dev["protect"]


def test_prods_traffic_moves_in_steps_and_rolls_back() -> None:
    (deployment,) = resources("gcp-prod", "ModelDeployment")
    inputs = deployment["inputs"]
    assert (inputs["minReplicas"], inputs["maxReplicas"], inputs["scaling"]) == (2, 6, {"cpu": 60})
    assert (inputs["canaryPercent"], inputs["waitS"], inputs["terminationWaitS"]) == (10, 600, 300)
    assert len(inputs["alertPolicies"]) == 2
    assert inputs["modelSha256"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_alert_tells_somebody_and_says_what_to_do(stack: str) -> None:
    policies = resources(stack, "AlertPolicy")
    assert len(policies) >= 7
    for policy in policies:
        inputs = policy["inputs"]
        assert inputs["enabled"] is True
        assert inputs["notificationChannels"]
        assert len(inputs["documentation"]["content"]) > 60
    (dashboard,) = resources(stack, "Dashboard")
    tiles = json.loads(dashboard["inputs"]["dashboardJson"])["mosaicLayout"]["tiles"]
    assert len(tiles) == (10 if stack == "gcp-prod" else 8)


@pytest.mark.parametrize(("stack", "days"), [("gcp-dev", 30), ("gcp-prod", 365)])
def test_logs_are_kept_as_long_as_the_settings_say(stack: str, days: int) -> None:
    (bucket,) = resources(stack, "ProjectBucketConfig")
    assert bucket["inputs"]["retentionDays"] == days
    assert bucket["retainOnDelete"], "Cloud Logging keeps the name of a deleted bucket for a week"
    assert ("cmekSettings" in bucket["inputs"]) is (stack == "gcp-prod")
    (sink,) = resources(stack, "ProjectSink")
    assert sink["inputs"]["destination"].startswith(f"logging.googleapis.com/projects/{PROJECT}/")
    assert "aiplatform.googleapis.com/Endpoint" in sink["inputs"]["filter"]
    assert "ml_job" in sink["inputs"]["filter"]


def test_prod_keeps_what_holds_data_and_dev_goes_with_it() -> None:
    for kind in ("Bucket", "CryptoKey", "KeyRing", "Repository", "ProjectBucketConfig"):
        assert all(entry["protect"] and entry["retainOnDelete"] for entry in resources("gcp-prod", kind))
        assert not any(entry["protect"] for entry in resources("gcp-dev", kind))
    assert not any(entry["inputs"]["forceDestroy"] for entry in resources("gcp-prod", "Bucket"))
    assert all(entry["inputs"]["forceDestroy"] for entry in resources("gcp-dev", "Bucket"))
    # What is kept stays readable, and what was live stays for a rollback.
    for kind in ("CryptoKeyIAMMember", "Model"):
        assert all(entry["retainOnDelete"] for entry in resources("gcp-prod", kind))


@pytest.mark.parametrize("stack", STACKS)
def test_everything_that_can_carry_labels_carries_the_stacks(stack: str) -> None:
    own = {"mlcloud-project": "mlcloud", "mlcloud-stack": stack}
    labelled = [
        labels
        for entry in planned(stack)["resources"]
        for labels in (entry["inputs"].get("userLabels") or entry["inputs"].get("labels"),)
        if isinstance(labels, dict)
        and entry["type"] != "gcp:monitoring/notificationChannel:NotificationChannel"
    ]
    assert len(labelled) > 10
    assert all(own.items() <= labels.items() for labels in labelled)


def test_the_budget_counts_this_stack_and_tells_somebody() -> None:
    (budget,) = resources("gcp-prod", "Budget")
    found = budget["inputs"]["budgetFilter"]
    assert found["labels"] == {"mlcloud-stack": "gcp-prod"}
    assert found["projects"][0].removeprefix("projects/").isdigit()
    assert budget["inputs"]["allUpdatesRule"]["monitoringNotificationChannels"]
    assert budget["inputs"]["amount"]["specifiedAmount"] == {"currencyCode": "USD", "units": "1000"}


@pytest.mark.parametrize("stack", STACKS)
def test_everything_is_in_the_scopes_project(stack: str) -> None:
    projects = [entry["inputs"].get("project") for entry in planned(stack)["resources"]]
    assert {name for name in projects if name is not None} == {PROJECT}


@pytest.mark.parametrize("stack", STACKS)
def test_type_tokens_are_those_that_a_hosted_component_has(stack: str) -> None:
    tokens = [entry["type"] for entry in planned(stack)["resources"] if not entry["custom"]]
    assert all(token.startswith("mlcloud:index:Gcp") or token == "pulumi:pulumi:Stack" for token in tokens)


def test_the_image_is_made_of_what_the_dockerfile_copies() -> None:
    from mlcloud.core.image import IMAGE_SOURCES

    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(IMAGE_SOURCES) == let_in
