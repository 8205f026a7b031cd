"""The judge of Azure's calls refuses what Azure's own clients cannot send, and counts what it has judged."""

from typing import Any

import pytest
from support.judges.azure.calls import Call, judge, problems
from support.judges.azure.documents import method, requests, route
from support.judges.azure.models import judge_answer

GROUP = "/subscriptions/1/resourceGroups/shop"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/shop"
VERSION = {"api-version": "2025-12-01"}


def job(**changed: Any) -> Call:
    properties = {
        "jobType": "Command",
        "command": "train",
        "environmentId": f"{WORKSPACE}/environments/shop/versions/1",
        "limits": {"jobLimitsType": "Command", "timeout": "PT1H"},
        **changed,
    }
    return call("PUT", "/jobs/run-1", {"properties": properties})


def call(http_method: str, path: str, body: Any = None, **query: str) -> Call:
    return Call(http_method=http_method, path=f"{WORKSPACE}{path}", query={**VERSION, **query}, body=body)


def endpoint(**properties: Any) -> Call:
    body = {"location": "westeurope", "properties": {"authMode": "AADToken", **properties}}
    return call("PUT", "/onlineEndpoints/shop", body)


def test_a_right_call_has_no_problems_and_its_values_are_counted() -> None:
    report = judge([job()])
    report.check(share=1.0)
    assert len(report.judged) == 7


def test_nothing_judged_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="nothing was judged"):
        judge([]).check(share=0.9)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (job(colour="red"), "properties.colour: CommandJob has no colour"),
        (job(command=1), "properties.command: 1 is not a string"),
        (job(jobType="Commando"), "'Commando' is not one of AutoML, Command"),
        (job(environmentId=f"{GROUP}/providers/Microsoft.Web/x/y"), "no resource has an id like"),
        (job(status="Running"), "properties.status: only the service sets it"),
        (job(limits={"jobLimitsType": "Command", "timeout": "1h"}), "timeout: '1h' is not a duration"),
        (job(resources={"instanceCount": "2"}), "resources.instanceCount: '2' is not a integer"),
        (job(distribution={"distributionType": "Gloo"}), "'Gloo' is not one of"),
        (job(tags={"a": 1}), "properties.tags.a: 1 is not a string"),
        (job(description="[unknown]"), "a value that nobody knows is sent"),
        (call("PUT", "/jobs/run-1", {}), "properties: it is required, and not given"),
        (call("PUT", "/jobs/run-1"), "a JobBase is missing"),
        (endpoint(traffic={"blue": "100"}), "properties.traffic.blue: '100' is not a integer"),
        (endpoint(authMode="Password"), "'Password' is not one of AMLToken, Key, AADToken"),
        (endpoint(provisioningState="Succeeded"), "only the service sets it"),
        (call("POST", "/jobs/run-1/cancel", {"now": True}), "takes no body"),
        (call("POST", "/jobs/run-1/stop"), "no client has such an operation"),
        (call("GET", "/jobs", colour="red"), "colour: is not a parameter of the query"),
        (Call(http_method="GET", path=f"{WORKSPACE}/jobs", query={}), "api-version: is missing"),
        (
            Call(http_method="GET", path=f"{WORKSPACE}/jobs", query={"api-version": "2023-04-01"}),
            "api-version: 2023-04-01 is not 2025-12-01",
        ),
        (
            Call(http_method="GET", path=f"{WORKSPACE}/jobs", query={"api-version": "latest"}),
            "api-version: 'latest' is none",
        ),
    ],
)
def test_a_wrong_call_is_named(sent: Call, words: str) -> None:
    assert any(words in problem for problem in problems(sent)), problems(sent)


def test_a_patch_has_what_it_changes_alone() -> None:
    assert problems(call("PATCH", "/onlineEndpoints/shop", {"tags": {"a": "b"}})) == []


def test_what_names_a_resource_may_be_sent_back() -> None:
    sent = endpoint()
    sent.body.update(id=f"{WORKSPACE}/onlineEndpoints/shop", name="shop", systemData=None)
    assert problems(sent) == []


def test_an_answer_holds_what_the_service_sets_and_nothing_else() -> None:
    told = {"limit": 4, "unit": "Count", "name": {"value": "standardDSv2Family"}}
    assert judge_answer("Usage", told, "usage") == []
    assert [str(one) for one in judge_answer("Usage", {**told, "limit": "4", "used": 1}, "usage")] == [
        "usage: limit: '4' is not a integer (type)",
        "usage: used: Usage has no used (unknown)",
    ]


def test_an_operation_is_found_by_the_longest_path_that_fits_in_any_case() -> None:
    found = route("GET", f"{WORKSPACE}/ONLINEENDPOINTS/shop/deployments/blue/skus")
    assert found is not None
    assert found[0].name == "online_deployments_list_skus"
    assert found[1]["deploymentName"] == "blue"


def test_a_scope_is_a_whole_id() -> None:
    found = route("PUT", f"{WORKSPACE}/providers/Microsoft.Authorization/roleAssignments/a")
    assert found is not None
    assert found[1]["scope"] == WORKSPACE[1:]


def test_what_a_client_says_of_an_operation_is_read() -> None:
    found = method("alerts", "metric_alerts.create_or_update")
    assert (found.http_method, found.api_version, found.body) == ("PUT", "2018-03-01", "MetricAlertResource")
    assert found.limits["resourceGroupName"] == {"max_length": 90, "min_length": 1}
    assert len(requests()) > 1500
