"""The judge of what is declared on GCP rejects what Google would, and says what it did not judge."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.judges.gcp.inputs import judge
from support.judges.report import Report
from support.stack_plan import plan_of

BUCKET = "gcp:storage/bucket:Bucket"
ENDPOINT = "gcp:vertex/aiEndpoint:AiEndpoint"
KEY = "gcp:kms/cryptoKey:CryptoKey"
FIREWALL = "gcp:compute/firewall:Firewall"
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
MACHINES = "gcp:vertex/aiPersistentResource:AiPersistentResource"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
MEMBER = "gcp:projects/iAMMember:IAMMember"
DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
DEPLOYMENT = "mlcloud:gcp:ModelDeployment"

PLACE = {"project": "shop-123456", "location": "europe-west4"}
SERVED = {**PLACE, "name": "shop", "displayName": "shop"}
POOL = {"machineSpec": {"machineType": "g2-standard-8", "acceleratorType": "NVIDIA_L4"}, "replicaCount": "1"}


def judged(token: str, inputs: dict[str, Any]) -> Report:
    return judge([{"type": token, "name": "thing", "custom": True, "inputs": inputs}])


def test_what_is_right_has_no_findings_and_is_counted() -> None:
    report = judged(ENDPOINT, {**SERVED, "labels": {"team": "ml"}})
    report.check(share=1.0)
    assert sorted(report.judged) == [
        "thing: displayName",
        "thing: labels.team",
        "thing: location",
        "thing: name",
        "thing: project",
    ]


@pytest.mark.parametrize(
    ("token", "inputs", "path", "rule"),
    [
        pytest.param(ENDPOINT, {**SERVED, "colour": "red"}, "colour", "properties", id="unknown"),
        pytest.param(ENDPOINT, {**SERVED, "createTime": "now"}, "createTime", "readOnly", id="read-only"),
        pytest.param(ENDPOINT, {**PLACE, "name": "shop"}, "displayName", "required", id="required"),
        pytest.param(
            ENDPOINT,
            {**SERVED, "privateServiceConnectConfig": {"pscAutomationConfigs": [{"projectId": "shop"}]}},
            "privateServiceConnectConfig.pscAutomationConfigs[0].network",
            "required",
            id="required in a list",
        ),
        pytest.param(
            ENDPOINT,
            {**SERVED, "dedicatedEndpointEnabled": "yes"},
            "dedicatedEndpointEnabled",
            "type",
            id="type",
        ),
        pytest.param(
            MACHINES,
            {**SERVED, "resourcePools": [{**POOL, "machineSpec": {"acceleratorType": "NVIDIA_L5"}}]},
            "resourcePools[0].machineSpec.acceleratorType",
            "enum",
            id="accelerator",
        ),
        pytest.param(
            MACHINES,
            {**SERVED, "resourcePools": [{**POOL, "replicaCount": "one"}]},
            "resourcePools[0].replicaCount",
            "type",
            id="number as text",
        ),
        pytest.param(
            BUCKET,
            {"name": "shop-data", "uniformBucketLevelAccess": "true"},
            "uniformBucketLevelAccess",
            "type",
            id="renamed",
        ),
        pytest.param(KEY, {"keyRing": "ring", "name": "k"}, "name", "parameters", id="place"),
        pytest.param(
            KEY,
            {
                "keyRing": "projects/p/locations/l/keyRings/r",
                "name": "k",
                "purpose": "ENCRYPT",
            },
            "purpose",
            "enum",
            id="purpose",
        ),
        pytest.param(
            FIREWALL,
            {"project": "shop-123456", "name": "In_Own", "network": "n", "direction": "INGRESS"},
            "name",
            "pattern",
            id="pattern",
        ),
        pytest.param(
            FIREWALL,
            {"project": "shop-123456", "name": "in", "allows": [{"protocol": "tcp", "port": "443"}]},
            "allows[0].port",
            "properties",
            id="unknown in a renamed list",
        ),
        pytest.param(
            REPOSITORY,
            {**PLACE, "repositoryId": "t", "format": "DOCKER", "cleanupPolicies": [{"action": "DROP"}]},
            "cleanupPolicies[0].action",
            "enum",
            id="list for a map",
        ),
        pytest.param(
            POLICY,
            {
                "project": "shop-123456",
                "conditions": [{"conditionThreshold": {"aggregations": [{"perSeriesAligner": "ALIGN_P99"}]}}],
            },
            "conditions[0].conditionThreshold.aggregations[0].perSeriesAligner",
            "enum",
            id="aligner",
        ),
        pytest.param(MEMBER, {"project": "shop-123456", "member": 1}, "member", "type", id="member"),
        pytest.param(
            DASHBOARD,
            {"project": "shop-123456", "dashboardJson": json.dumps({"displayName": "d", "tiles": []})},
            "dashboardJson.tiles",
            "properties",
            id="dashboard",
        ),
        pytest.param(
            DEPLOYMENT,
            {"endpoint": "projects/p/locations/l/endpoint/e", "model": "m"},
            "endpoint",
            "parameters",
            id="our deployment",
        ),
        pytest.param("gcp:redis/instance:Instance", {"name": "r"}, "", "TWINS", id="no twin"),
    ],
)
def test_what_google_would_not_take_is_found(
    token: str, inputs: dict[str, Any], path: str, rule: str
) -> None:
    found = {(finding.path, finding.rule) for finding in judged(token, inputs).findings}
    assert (f"thing: {path}" if path else "thing", rule) in found, found


def test_what_only_the_cloud_knows_is_judged_by_name_alone() -> None:
    report = judged(CHANNEL, {"project": "shop-123456", "type": "[unknown]"})
    assert report.unknown == ["thing: type"]
    assert not report.findings


def test_what_is_not_judged_is_named_with_its_reason() -> None:
    report = judged(BUCKET, {"name": "shop-data", "forceDestroy": True})
    assert report.unjudged == {"thing: forceDestroy": "an option of pulumi-gcp's own: no API has it"}
    with pytest.raises(AssertionError, match="not judged"):
        report.check(share=0.9)


@pytest.mark.parametrize(("stack", "share"), [("gcp-dev", 0.85), ("gcp-prod", 0.9)])
def test_googles_documents_find_nothing_wrong_with_a_stack_file(
    stack: str, share: float, tmp_path: Path
) -> None:
    judge(plan_of(stack, tmp_path)["resources"]).check(share=share)
