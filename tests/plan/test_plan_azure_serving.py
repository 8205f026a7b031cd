"""What serving and watching are declared as on Azure, read from the guide's examples."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.guide_examples import planned_example

CONFIG = {
    "azure-native:subscriptionId": "00000000-0000-0000-0000-000000000001",
    "azure-native:location": "westeurope",
}


@cache
def resources(heading: str) -> dict[str, dict[str, Any]]:
    """The planned resources of an example by their name."""
    with TemporaryDirectory() as home:
        folder = Path(home) / "houses"
        folder.mkdir()
        found = planned_example("azure", heading, folder, config=CONFIG)
    return {entry["name"]: entry for entry in found["resources"]}


def inputs(heading: str, name: str) -> dict[str, Any]:
    return resources(heading)[name]["inputs"]


def test_an_endpoint_asks_for_entra_tokens_behind_its_private_endpoint_and_says_nothing_of_traffic() -> None:
    endpoint = inputs("Endpoint", "houses-endpoint")
    assert endpoint["properties"] == {
        "authMode": "AADToken",
        "description": "Serves houses",
        "publicNetworkAccess": "Disabled",
    }
    assert endpoint["identity"]["type"] == "UserAssigned"
    assert 3 <= len(endpoint["endpointName"]) <= 32


def test_probes_and_requests_are_told_and_agree_with_the_time_to_load() -> None:
    deployment = inputs("Endpoint", "houses-deployment")["properties"]
    every = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT2S", "successThreshold": 1}
    assert deployment["readinessProbe"] == {**every, "failureThreshold": 30}
    assert deployment["livenessProbe"] == {**every, "failureThreshold": 6}
    requests = deployment["requestSettings"]
    assert requests["maxConcurrentRequestsPerInstance"] == 68
    assert requests["requestTimeout"] == "PT60S"
    assert deployment["environmentVariables"]["MLCLOUD_MODEL_SHA256"].startswith("0f1e2d3c")
    # The workspace's managed network says what it reaches.
    assert deployment["egressPublicNetworkAccess"] == "Enabled"
    assert deployment["scaleSettings"] == {"scaleType": "Default"}


def test_a_colour_is_named_by_all_that_cannot_change_while_it_serves() -> None:
    colour = inputs("Endpoint", "houses-colour")
    assert set(colour["content"]) == {
        *("model", "model_version", "names", "image", "environment", "instance_type", "asked")
    }
    assert "68" in colour["content"]["asked"]
    assert colour["prefix"] == "v"


def test_scaling_follows_the_endpoint_s_own_deployment_between_the_bounds_of_the_hour() -> None:
    always, night = inputs("Endpoint", "houses-scaling")["profiles"]
    assert always["capacity"] == {"minimum": "2", "maximum": "8", "default": "2"}
    assert night["capacity"] == {"minimum": "2", "maximum": "4", "default": "2"}
    assert night["recurrence"]["schedule"] == {
        **{"days": ["Monday", "Tuesday"], "hours": [20], "minutes": [0], "timeZone": "UTC"}
    }
    told = [
        (rule["metricTrigger"]["metricName"], rule["metricTrigger"]["threshold"], action["direction"])
        for rule in always["rules"]
        for action in [rule["scaleAction"]]
    ]
    assert told == [
        ("RequestsPerMinute", 1200, "Increase"),
        ("RequestsPerMinute", 600, "Decrease"),
        ("CpuUtilizationPercentage", 60, "Increase"),
        ("CpuUtilizationPercentage", 30, "Decrease"),
    ]
    requests = always["rules"][0]["metricTrigger"]
    assert requests["dividePerInstance"] is True
    assert requests["dimensions"][0]["dimensionName"] == "deployment"
    assert "dimensions" not in always["rules"][2]["metricTrigger"]


def test_the_alarms_that_roll_back_watch_the_endpoint_and_its_traffic_log() -> None:
    errors = inputs("Endpoint", "houses-server-errors")
    assert errors["scopes"][0].endswith("/Microsoft.OperationalInsights/workspaces/houses")
    (condition,) = errors["criteria"]["allOf"]
    assert condition["metricMeasureColumn"] == "percent"
    assert (condition["operator"], condition["threshold"]) == ("GreaterThan", 1)
    latency = inputs("Endpoint", "houses-latency-p99")
    (criterion,) = latency["criteria"]["allOf"]
    assert latency["criteria"]["odataType"].endswith(".SingleResourceMultipleMetricCriteria")
    assert (criterion["metricName"], criterion["threshold"]) == ("RequestLatency_P99", 1000)
    assert criterion["metricNamespace"] == "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    assert errors["actions"]["actionGroups"] == [latency["actions"][0]["actionGroupId"]]


def test_an_endpoint_s_logs_go_to_log_analytics() -> None:
    logs = inputs("Endpoint", "houses-logs")
    assert {log["category"] for log in logs["logs"] if log["enabled"]} == {
        "AmlOnlineEndpointTrafficLog",
        "AmlOnlineEndpointConsoleLog",
        "AmlOnlineEndpointEventLog",
    }


@pytest.mark.parametrize("heading", ["Endpoint", "Monitoring"])
def test_every_alarm_is_on_and_tells_somebody(heading: str) -> None:
    kinds = (":MetricAlert", ":ScheduledQueryRule")
    rules = [entry for entry in resources(heading).values() if entry["type"].endswith(kinds)]
    assert rules
    for rule in rules:
        told = rule["inputs"]["actions"]
        assert rule["inputs"]["enabled"] is True
        assert told["actionGroups"] if rule["type"].endswith(kinds[1]) else told[0]["actionGroupId"]


def test_a_workbook_shows_each_metric_that_the_endpoint_publishes() -> None:
    shown = json.loads(inputs("Monitoring", "houses-workbook")["serializedData"])["items"]
    names = [item["name"] for item in shown]
    assert {"RequestsPerMinute", "GpuUtilizationPercentage", "DeploymentCapacity"} <= set(names)
    assert len(names) == len(set(names)) == 13


def test_machines_of_a_cluster_have_no_address_no_login_and_go_when_idle() -> None:
    cluster = inputs("Cluster", "gpu-machines")["properties"]
    machines = cluster["properties"]
    assert cluster["disableLocalAuth"] is True
    assert machines["enableNodePublicIp"] is False
    assert machines["remoteLoginPortPublicAccess"] == "Disabled"
    assert (machines["vmSize"], machines["vmPriority"]) == ("Standard_NC4as_T4_v3", "LowPriority")
    assert machines["scaleSettings"] == {
        "minNodeCount": 0,
        "maxNodeCount": 4,
        "nodeIdleTimeBeforeScaleDown": "PT15M",
    }


def test_a_model_version_tells_its_metrics_and_its_folder_below_a_datastore() -> None:
    version = inputs("Model", "houses-version")["properties"]
    assert version["modelType"] == "custom_model"
    assert version["modelUri"].endswith("/workspaces/houses/datastores/models/paths/models/0f1e2d3c")
    assert version["description"] == "0f1e2d3c4b5a: r2 0.91"


def test_a_budget_counts_the_resource_group_from_the_first_of_a_month() -> None:
    budget = inputs("Budget", "houses-monthly")
    assert budget["scope"].endswith("/resourceGroups/houses")
    assert budget["timePeriod"]["startDate"].endswith("-01T00:00:00Z")
    assert {told["threshold"] for told in budget["notifications"].values()} == {80, 100}
    assert all(told["contactGroups"] for told in budget["notifications"].values())


def test_what_prod_serves_is_protected_and_what_it_has_served_is_kept() -> None:
    assert resources("Endpoint")["houses-endpoint"]["protect"] is True
    assert resources("Model")["houses-version"]["retainOnDelete"] is True
