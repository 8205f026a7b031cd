"""What a changed input does: in place, another deployment, another place; and what a move may write."""

import pytest
from mlcloud.provider.azure import online_endpoint as online
from mlcloud.provider.azure.fresh_names import AzureFreshNamesInputs
from mlcloud.provider.azure.online_endpoint import Split
from mlcloud.provider.azure.traffic_inputs import AzureTrafficInputs
from mlcloud.provider.fields import fields_of
from support.judges.azure.models import judge_body, settable

PLACE = {"subscription", "resource_group", "workspace", "endpoint"}
# Another one is asked, and gets the traffic in steps.
MOVES = {"deployment"}
# The traffic is read, and written where it is another one.
ASSERTS = {"endpoint_inputs"}
HOW = {
    "name",
    "scoring_url",
    "model_uri",
    "model_sha256",
    "alert_rules",
    "canary_percent",
    "linear_step_percent",
    "mirror_percent",
    "wait_s",
    "termination_wait_s",
    "smoke_timeout_s",
    "timeout_s",
}


def test_every_input_of_traffic_has_its_effect() -> None:
    fields = fields_of(AzureTrafficInputs)
    assert {field.name for field in fields if field.options.replace} == PLACE
    assert {field.name for field in fields} == PLACE | MOVES | ASSERTS | HOW


def test_other_names_are_looked_at_again() -> None:
    assert all(field.options.replace for field in fields_of(AzureFreshNamesInputs))


def endpoint(**changed: object) -> dict[str, object]:
    """An endpoint with a value for everything that can be set, and for what Azure alone sets."""
    properties = {
        "authMode": "AADToken",
        "compute": "/subscriptions/s/compute",
        "description": "Serves churn",
        "keys": None,
        "properties": {"a": "b"},
        "publicNetworkAccess": "Disabled",
        "traffic": {"blue": 90, "green": 10},
        "mirrorTraffic": {"red": 5},
        "provisioningState": "Succeeded",
        "scoringUri": "https://churn/score",
        "swaggerUri": "https://churn/swagger",
    }
    identity = {
        "type": "SystemAssigned,UserAssigned",
        "principalId": "1",
        "tenantId": "2",
        "userAssignedIdentities": {"/subscriptions/s/endpoint": {"clientId": "3", "principalId": "4"}},
    }
    return {
        "id": "/subscriptions/s/endpoint",
        "name": "churn",
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "systemData": {"createdBy": "somebody"},
        "location": "westeurope",
        "tags": {"mlcloud-project": "churn"},
        "kind": "Managed",
        "sku": {"name": "Default", "capacity": 1},
        "identity": identity,
        "properties": properties,
        **changed,
    }


def test_a_move_keeps_all_that_can_be_set_and_writes_nothing_that_azure_sets() -> None:
    sent = online.body(endpoint(), Split(traffic={"green": 100}))
    assert list(judge_body("OnlineEndpoint", sent, "endpoint")) == []
    assert set(sent) == settable("OnlineEndpoint")
    # Keys are set when an endpoint is made, and never told.
    assert set(sent["properties"]) == settable("OnlineEndpointProperties") - {"keys"}
    assert sent["identity"] == {
        "type": "SystemAssigned,UserAssigned",
        "userAssignedIdentities": {"/subscriptions/s/endpoint": {}},
    }
    assert (sent["properties"]["traffic"], sent["properties"]["mirrorTraffic"]) == ({"green": 100}, {})


def test_what_an_endpoint_tells_cannot_be_sent_back_as_it_is() -> None:
    found = {item.rule for item in judge_body("OnlineEndpoint", endpoint(), "endpoint")}
    assert found == {"read-only"}


@pytest.mark.parametrize("missing", ["sku", "kind", "identity", "tags"])
def test_what_an_endpoint_has_not_is_not_written(missing: str) -> None:
    sent = online.body(endpoint(**{missing: None}), Split(traffic={}))
    assert missing not in sent
    assert list(judge_body("OnlineEndpoint", sent, "endpoint")) == []
