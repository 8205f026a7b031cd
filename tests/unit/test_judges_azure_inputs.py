"""The judge of what is declared on Azure rejects what Azure would, and says what it did not judge."""

from typing import Any

import pytest
from support.judges.azure import policies
from support.judges.azure.inputs import judge
from support.judges.azure.packages import PACKAGES
from support.judges.azure.schemas import Schema, fields_of, model
from support.judges.report import Report
from support.stack_plan import planned

ACCOUNT = "storage:StorageAccount"
ENDPOINT = "machinelearningservices:OnlineEndpoint"
DEPLOYMENT = "machinelearningservices:OnlineDeployment"
COMPUTE = "machinelearningservices:Compute"
WORKSPACE = "machinelearningservices:Workspace"
VAULT = "keyvault:Vault"
KEY = "keyvault:Key"
NETWORK = "network:VirtualNetwork"
PRIVATE = "network:PrivateEndpoint"
ALERT = "monitor:MetricAlert"
ASSIGNMENT = "authorization:RoleAssignment"

PROVIDERS = "/subscriptions/1/resourceGroups/shop/providers"
GROUP = {"resourceGroupName": "shop", "location": "westeurope"}
SERVED = {**GROUP, "workspaceName": "shop", "endpointName": "shop"}
STORED = {**GROUP, "accountName": "shop", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
CRITERIA = {"odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"}
WATCHED = {
    "resourceGroupName": "shop",
    "ruleName": "slow",
    "location": "global",
    "severity": 1,
    "enabled": True,
    "scopes": ["[unknown]"],
    "evaluationFrequency": "PT1M",
    "windowSize": "PT5M",
    "criteria": CRITERIA,
}
TRUSTED = {"scope": "[unknown]", "roleAssignmentName": "x", "principalId": "p", "roleDefinitionId": "r"}


def judged(kind: str, inputs: dict[str, Any]) -> Report:
    return judge([{"type": f"azure-native:{kind}", "name": "thing", "custom": True, "inputs": inputs}])


def without(inputs: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != key}


def cluster(**properties: Any) -> dict[str, Any]:
    return {
        **GROUP,
        "workspaceName": "shop",
        "computeName": "gpu",
        "properties": {"computeType": "AmlCompute", "properties": properties},
    }


def test_what_is_right_has_no_findings_and_is_counted_as_azure_has_it() -> None:
    report = judged(ACCOUNT, {**STORED, "minimumTlsVersion": "TLS1_2", "enableHttpsTrafficOnly": True})
    report.check(share=1.0)
    assert sorted(report.judged) == [
        "thing: accountName",
        "thing: kind",
        "thing: location",
        "thing: properties.minimumTlsVersion",
        "thing: properties.supportsHttpsTrafficOnly",
        "thing: resourceGroupName",
        "thing: sku.name",
    ]


@pytest.mark.parametrize(
    ("kind", "inputs", "path", "rule"),
    [
        pytest.param(ACCOUNT, {**STORED, "colour": "red"}, "colour", "unknown", id="unknown"),
        pytest.param(ACCOUNT, without(STORED, "kind"), "kind", "required", id="required"),
        pytest.param(ACCOUNT, without(STORED, "accountName"), "accountName", "required", id="no name"),
        pytest.param(ACCOUNT, {**STORED, "accountName": "a/b"}, "accountName", "path", id="name"),
        pytest.param(
            ACCOUNT,
            {**STORED, "minimumTlsVersion": "TLS1_4"},
            "properties.minimumTlsVersion",
            "enum",
            id="enum",
        ),
        pytest.param(
            ACCOUNT,
            {**STORED, "networkRuleSet": {"defaultAction": "Refuse"}},
            "properties.networkAcls.defaultAction",
            "enum",
            id="renamed",
        ),
        pytest.param(
            ACCOUNT,
            {**STORED, "allowBlobPublicAccess": "false"},
            "properties.allowBlobPublicAccess",
            "type",
            id="type",
        ),
        pytest.param(
            ENDPOINT,
            {**SERVED, "properties": {"authMode": "AADToken", "scoringUri": "https://a"}},
            "properties.scoringUri",
            "read-only",
            id="read-only",
        ),
        pytest.param(
            ENDPOINT,
            {**SERVED, "properties": {"publicNetworkAccess": "Disabled"}},
            "properties.authMode",
            "required",
            id="required below",
        ),
        pytest.param(
            DEPLOYMENT,
            {
                **SERVED,
                "deploymentName": "blue",
                "properties": {
                    "endpointComputeType": "Managed",
                    "livenessProbe": {"period": "60s"},
                },
            },
            "properties.livenessProbe.period",
            "type",
            id="duration",
        ),
        pytest.param(
            DEPLOYMENT,
            {**SERVED, "deploymentName": "blue", "properties": {"endpointComputeType": "Serverless"}},
            "properties.endpointComputeType",
            "enum",
            id="kind",
        ),
        pytest.param(
            COMPUTE, cluster(vmPriority="Spot"), "properties.properties.vmPriority", "enum", id="of a kind"
        ),
        pytest.param(
            COMPUTE,
            cluster(sshSettings={}),
            "properties.properties.sshSettings",
            "unknown",
            id="of another kind",
        ),
        pytest.param(
            WORKSPACE,
            {**GROUP, "workspaceName": "shop", "systemDatastoresAuthMode": "identity"},
            "properties.systemDatastoresAuthMode",
            "enum",
            id="case",
        ),
        pytest.param(
            WORKSPACE,
            {
                **GROUP,
                "workspaceName": "shop",
                "keyVault": "/subscriptions/1/providers/Microsoft.KeyVault/v/a",
            },
            "properties.keyVault",
            "id",
            id="id",
        ),
        pytest.param(
            VAULT,
            {**GROUP, "vaultName": "shop", "properties": {"sku": {"name": "standard", "family": "A"}}},
            "properties.tenantId",
            "required",
            id="vault",
        ),
        pytest.param(
            KEY,
            {
                **GROUP,
                "vaultName": "shop",
                "keyName": "own",
                "properties": {"rotationPolicy": {"lifetimeActions": [{"action": {"type": "turn"}}]}},
            },
            "properties.rotationPolicy.lifetimeActions[0].action.type",
            "enum",
            id="in a list",
        ),
        pytest.param(
            NETWORK,
            {
                **GROUP,
                "virtualNetworkName": "shop",
                "subnets": [{"name": "a", "defaultOutboundAccess": "no"}],
            },
            "properties.subnets[0].properties.defaultOutboundAccess",
            "type",
            id="two steps higher",
        ),
        pytest.param(
            PRIVATE,
            {
                **GROUP,
                "privateEndpointName": "shop",
                "privateLinkServiceConnections": [{"name": "a", "groupIds": "blob"}],
            },
            "properties.privateLinkServiceConnections[0].properties.groupIds",
            "type",
            id="no list",
        ),
        pytest.param(
            ALERT, without(WATCHED, "severity"), "properties.severity", "required", id="required higher"
        ),
        pytest.param(
            ALERT,
            {
                **WATCHED,
                "criteria": {
                    **CRITERIA,
                    "allOf": [{"criterionType": "StaticThresholdCriterion", "name": "a"}],
                },
            },
            "properties.criteria.allOf[0].metricName",
            "required",
            id="required of a kind",
        ),
        pytest.param(
            ASSIGNMENT,
            {**TRUSTED, "principalType": "Robot"},
            "properties.principalType",
            "enum",
            id="principal",
        ),
        pytest.param("cache:Redis", {"name": "r"}, "", "TWINS", id="no twin"),
    ],
)
def test_what_azure_would_not_take_is_found(kind: str, inputs: dict[str, Any], path: str, rule: str) -> None:
    found = {(finding.path, finding.rule) for finding in judged(kind, inputs).findings}
    assert (f"thing: {path}" if path else "thing", rule) in found, found


def test_identities_are_a_list_in_inputs_and_a_map_in_the_api() -> None:
    own = "/subscriptions/1/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a"
    identity = {"type": "UserAssigned", "userAssignedIdentities": [own]}
    report = judged(ENDPOINT, {**SERVED, "identity": identity, "properties": {"authMode": "AADToken"}})
    report.check(share=1.0)
    assert f"thing: identity.userAssignedIdentities.{own}" in report.judged


def test_what_only_the_cloud_knows_is_judged_by_name_alone() -> None:
    report = judged(ALERT, WATCHED)
    assert report.unknown == ["thing: properties.scopes[0]"]
    assert not report.findings


def test_what_is_not_judged_is_named_with_its_reason() -> None:
    report = judge(
        [{"type": "mlcloud:azure:Traffic", "name": "t", "custom": True, "inputs": {"name": "shop"}}]
    )
    assert report.unjudged == {"t: name": "its requests are judged where the provider sends them"}
    with pytest.raises(AssertionError, match="nothing was judged"):
        report.check(share=0.9)


def test_every_model_of_every_client_can_be_read() -> None:
    read = 0
    for package, found in PACKAGES.items():
        for name, text in found.classes.items():
            if "rest_field" in text or "_attribute_map" in text:
                read += bool(fields_of(package, Schema(kind="object", model=name), {}))
    assert read > 1500


def test_what_is_read_is_what_a_client_itself_knows() -> None:
    # The smallest of them: others take seconds to load.
    from azure.mgmt.privatedns.models import VirtualNetworkLinkProperties as Properties

    fields = Properties.__new__(Properties)._attr_to_rest_field
    known = {field._rest_name: field._visibility == ["read"] for field in fields.values()}
    said = model("dns", "VirtualNetworkLinkProperties").fields
    assert {name: field.read_only for name, field in said.items()} == known
    assert said["resolutionPolicy"].schema.values == ("Default", "NxDomainRedirect")


@pytest.mark.parametrize(("stack", "share"), [("azure-dev", 0.85), ("azure-prod", 0.9)])
def test_azures_clients_find_nothing_wrong_with_a_stack_file(stack: str, share: float) -> None:
    resources = planned(stack)["resources"]
    judge(resources).check(share=share)
    policies.judge(resources).check(share=share)
