"""What the Azure stacks promise: no keys, named rights, colours beside each other, tags, kept data."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.markdown import ROOT
from support.stack_plan import plan_of

STACKS = ["azure-dev", "azure-prod"]
# Owner, Contributor, User Access Administrator: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BROAD_ROLES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
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
def test_nothing_answers_to_a_key_and_all_of_it_speaks_tls(stack: str) -> None:
    (account,) = resources(stack, "StorageAccount")
    inputs = account["inputs"]
    assert inputs["allowSharedKeyAccess"] is False
    assert inputs["defaultToOAuthAuthentication"] is True
    assert inputs["allowBlobPublicAccess"] is False
    assert inputs["minimumTlsVersion"] == "TLS1_2"
    (registry,) = resources(stack, "Registry")
    assert registry["inputs"]["adminUserEnabled"] is False
    (endpoint,) = resources(stack, "OnlineEndpoint")
    assert endpoint["inputs"]["properties"]["authMode"] == "AADToken"
    for store in resources(stack, "Datastore"):
        assert store["inputs"]["properties"]["credentials"] == {"credentialsType": "None"}


@pytest.mark.parametrize("stack", STACKS)
def test_no_role_is_broad_and_each_names_who_holds_it(stack: str) -> None:
    for entry in resources(stack, "RoleAssignment"):
        inputs = entry["inputs"]
        assert inputs["roleDefinitionId"].rsplit("/", 1)[-1] not in BROAD_ROLES
        assert inputs["principalType"] in ("ServicePrincipal", "User")
        assert inputs["scope"].count("/") >= 4, "a role on a whole subscription"
    for role in resources(stack, "RoleDefinition"):
        allowed = [name for item in role["inputs"]["permissions"] for name in item.get("actions", [])]
        assert allowed
        assert "*" not in allowed and not any(name.startswith("Microsoft.Authorization/") for name in allowed)


@pytest.mark.parametrize("stack", STACKS)
def test_held_names_are_looked_for_before_anything_is_made(stack: str) -> None:
    (group,) = resources(stack, "ResourceGroup")
    assert "foundation-names" in needed(stack, group)
    for kind in ("Vault", "Workspace"):
        assert all("foundation-names" in needed(stack, entry) for entry in resources(stack, kind))


@pytest.mark.parametrize("stack", STACKS)
def test_what_runs_comes_after_its_identitys_roles(stack: str) -> None:
    (deployment,) = resources(stack, "OnlineDeployment")
    assert {"identity-endpoint-models", "identity-endpoint-image"} <= needed(stack, deployment)
    if stack == "azure-dev":
        (run,) = resources(stack, "TrainingRun")
        assert {"identity-training-data", "identity-training-models", "registry-image"} <= needed(stack, run)


@pytest.mark.parametrize("stack", STACKS)
def test_traffic_is_the_last_of_the_endpoint_and_is_set_by_one_resource(stack: str) -> None:
    (traffic,) = resources(stack, "Traffic")
    before = {"endpoint-endpoint", "endpoint-deployment", "endpoint-server-errors", "endpoint-latency-p99"}
    assert before <= needed(stack, traffic)
    (endpoint,) = resources(stack, "OnlineEndpoint")
    assert not {"traffic", "mirrorTraffic"} & set(endpoint["inputs"]["properties"])
    assert {"properties.traffic", "properties.mirrorTraffic"} <= set(endpoint["ignoreChanges"])
    assert len(traffic["inputs"]["alertRules"]) == 2
    (deployment,) = resources(stack, "OnlineDeployment")
    assert traffic["inputs"]["deployment"] == deployment["inputs"]["deploymentName"]
    # The provider deletes first: the next colour stands beside this one.
    assert deployment["deleteBeforeReplace"] is False
    assert not deployment["protect"]


def test_prods_traffic_moves_in_steps_and_rolls_back() -> None:
    (traffic,) = resources("azure-prod", "Traffic")
    inputs = traffic["inputs"]
    assert (inputs["canaryPercent"], inputs["waitS"], inputs["terminationWaitS"]) == (10, 600, 300)
    (deployment,) = resources("azure-prod", "OnlineDeployment")
    assert deployment["inputs"]["sku"]["capacity"] == 2
    assert deployment["ignoreChanges"] == ["sku.capacity"]


@pytest.mark.parametrize("stack", STACKS)
def test_probes_and_request_settings_are_said(stack: str) -> None:
    (deployment,) = resources(stack, "OnlineDeployment")
    told = deployment["inputs"]["properties"]
    assert told["requestSettings"]["maxConcurrentRequestsPerInstance"] > 1
    assert told["requestSettings"]["requestTimeout"] == "PT60S"
    ready = told["readinessProbe"]
    waits_s = int(ready["period"][2:-1]) * ready["failureThreshold"]
    assert waits_s >= 290, "a model may take five minutes to load"
    (version,) = resources(stack, "EnvironmentVersion")
    assert "@sha256:" in version["inputs"]["properties"]["image"]
    config = version["inputs"]["properties"]["inferenceConfig"]
    assert config["livenessRoute"]["path"] == "/v2/health/live"
    assert config["readinessRoute"]["path"] == "/v2/health/ready"
    assert config["scoringRoute"]["path"] == "/score"


def test_prod_answers_in_its_network_alone_and_reaches_what_is_approved() -> None:
    for kind in ("StorageAccount", "Registry"):
        (entry,) = resources("azure-prod", kind)
        assert entry["inputs"]["publicNetworkAccess"] == "Disabled", kind
    (vault,) = resources("azure-prod", "Vault")
    assert vault["inputs"]["properties"]["publicNetworkAccess"] in ("Disabled", "disabled")
    workspace = next(e for e in resources("azure-prod", "Workspace") if "machinelearning" in e["type"])
    assert workspace["inputs"]["publicNetworkAccess"] == "Disabled"
    assert workspace["inputs"]["managedNetwork"]["isolationMode"] == "AllowOnlyApprovedOutbound"
    (endpoint,) = resources("azure-prod", "OnlineEndpoint")
    assert endpoint["inputs"]["properties"]["publicNetworkAccess"] == "Disabled"
    (subnet,) = resources("azure-prod", "Subnet")
    assert subnet["inputs"]["defaultOutboundAccess"] is False
    assert subnet["inputs"]["networkSecurityGroup"]["id"]
    types = {entry["type"].rsplit(":", 1)[-1] for entry in planned("azure-prod")["resources"]}
    assert not types & {"PublicIPAddress", "NatGateway"}
    assert len(resources("azure-prod", "PrivateEndpoint")) == 6


def test_dev_costs_nothing_for_a_network_or_machines_that_wait() -> None:
    found = {entry["type"] for entry in planned("azure-dev")["resources"]}
    assert not {
        kind for kind in found if kind.startswith(("azure-native:network:", "azure-native:privatedns:"))
    }
    assert not {kind.rsplit(":", 1)[-1] for kind in found} & {"Compute", "Budget"}
    (run,) = resources("azure-dev", "TrainingRun")
    assert run["inputs"]["spot"] is True


def test_prod_keeps_what_holds_data_and_dev_goes_with_it() -> None:
    for kind in ("StorageAccount", "BlobContainer", "Vault", "Registry", "Workspace", "ResourceGroup"):
        assert all(entry["protect"] and entry["retainOnDelete"] for entry in resources("azure-prod", kind)), (
            kind
        )
        assert not any(entry["protect"] for entry in resources("azure-dev", kind))
    assert all(entry["retainOnDelete"] for entry in resources("azure-prod", "ModelVersion"))


@pytest.mark.parametrize("stack", STACKS)
def test_every_alert_tells_somebody_and_says_what_to_do(stack: str) -> None:
    rules = [*resources(stack, "MetricAlert"), *resources(stack, "ScheduledQueryRule")]
    assert len(rules) >= 8
    for rule in rules:
        assert "/actionGroups/" in json.dumps(rule["inputs"]["actions"]), rule["name"]
        assert len(rule["inputs"]["description"]) > 40
        assert rule["inputs"]["enabled"] is True


@pytest.mark.parametrize(("stack", "days"), [("azure-dev", 30), ("azure-prod", 365)])
def test_logs_are_kept_as_long_as_the_settings_say(stack: str, days: int) -> None:
    logs = next(e for e in resources(stack, "Workspace") if "operationalinsights" in e["type"])
    assert logs["inputs"]["retentionInDays"] == days


@pytest.mark.parametrize("stack", STACKS)
def test_everything_that_can_carry_tags_carries_the_stacks(stack: str) -> None:
    own = {"mlcloud-project": "mlcloud", "mlcloud-stack": stack}
    tagged = [
        entry["inputs"]["tags"]
        for entry in planned(stack)["resources"]
        if entry["type"].startswith("azure-native:") and isinstance(entry["inputs"].get("tags"), dict)
    ]
    assert len(tagged) > 10
    assert all(own.items() <= tags.items() for tags in tagged)


@pytest.mark.parametrize("stack", STACKS)
def test_type_tokens_are_those_that_a_hosted_component_has(stack: str) -> None:
    tokens = [entry["type"] for entry in planned(stack)["resources"] if not entry["custom"]]
    assert all(token.startswith("mlcloud:index:Azure") or token == "pulumi:pulumi:Stack" for token in tokens)


def test_the_image_is_made_of_what_the_dockerfile_copies() -> None:
    from mlcloud.core.image import IMAGE_SOURCES

    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(IMAGE_SOURCES) == let_in
