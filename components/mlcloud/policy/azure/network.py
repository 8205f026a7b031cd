"""Controls of virtual networks: who can reach what, and how services are reached without the internet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.azure.ids import is_of
from mlcloud.policy.azure.keys import VAULT
from mlcloud.policy.azure.registry import REGISTRY
from mlcloud.policy.azure.storage import ACCOUNT
from mlcloud.policy.azure.workspace import WORKSPACE
from mlcloud.policy.control import Control, Judge
from mlcloud.policy.judging import expect, is_given, is_one_of, problem, says
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_NETWORK: Final = "azure-native:network:VirtualNetwork"
_SUBNET: Final = "azure-native:network:Subnet"
_GROUP: Final = "azure-native:network:NetworkSecurityGroup"
_RULE: Final = "azure-native:network:SecurityRule"
_PRIVATE_ENDPOINT: Final = "azure-native:network:PrivateEndpoint"
# Azure's own names for everybody (https://learn.microsoft.com/azure/virtual-network/service-tags-overview).
_WORLD: Final = ("*", "any", "internet", "0.0.0.0/0", "::/0", "<nw>/0", "/0")


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A security rule.

    Attributes:
        path: Where it is, with a dot behind it; nothing where it is a resource.
        given: What it says.
    """

    path: str
    given: Mapping[str, Any]

    def applies(self, direction: str) -> bool:
        """Whether it may let something through in a direction."""
        return all(
            self.given.get(key) == UNKNOWN or says(word)(self.given.get(key))
            for key, word in (("access", "Allow"), ("direction", direction))
        )

    def world(self, key: str) -> Iterator[Problem]:
        """What of it is about everybody: one prefix, or a list."""
        listed: Any = self.given.get(f"{key}es")
        several: list[Any] = cast("list[Any]", listed) if isinstance(listed, list) else [listed]
        for name, value in ((key, self.given.get(key)), *((f"{key}es", one) for one in several)):
            if value == UNKNOWN or says(*_WORLD)(value):
                fix = "name the addresses, or the service's tag"
                yield problem(f"{self.path}{name}", value, "not the whole internet", fix)


def _rules(resource: Resource) -> Iterator[_Rule]:
    if resource.type == _RULE:
        yield _Rule(path="", given=resource.inputs)
        return
    for path, value in resource.values("securityRules[*]"):
        if isinstance(value, dict):
            yield _Rule(path=f"{path}.", given=cast("dict[str, Any]", value))


def _not_all(direction: str, key: str) -> Judge:
    def judge(resource: Resource, _declared: Declared) -> Iterator[Problem]:
        if resource.value("securityRules") == UNKNOWN:
            yield problem("securityRules", UNKNOWN, "rules that name who may")
        for rule in _rules(resource):
            if rule.applies(direction):
                yield from rule.world(key)

    return judge


def _in_each_subnet(path: str, judge_at: Callable[[str], Judge]) -> Judge:
    """Return a judge of a property of a subnet, or of each that a network has inline."""

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        if resource.type == _SUBNET:
            yield from judge_at(path)(resource, declared)
        elif is_given(resource.value("subnets")):
            yield from judge_at(f"subnets[*].{path}")(resource, declared)

    return judge


def _closed(resource: Resource, _declared: Declared) -> bool:
    """Return whether nothing but private endpoints reaches a service."""
    path = "properties.publicNetworkAccess" if resource.type == VAULT else "publicNetworkAccess"
    return says("Disabled")(resource.value(path))


def _reached_privately(resource: Resource, declared: Declared) -> Iterator[Problem]:
    targets = [
        (endpoint, target)
        for endpoint in declared.all(_PRIVATE_ENDPOINT)
        for _, target in endpoint.values("privateLinkServiceConnections[*].privateLinkServiceId")
    ]
    if not any(is_of(target, endpoint, resource) for endpoint, target in targets):
        fix = "declare a PrivateEndpoint of it: nothing reaches it otherwise"
        unknown = any(target == UNKNOWN and not endpoint.dependencies for endpoint, target in targets)
        yield problem("PrivateEndpoint", UNKNOWN if unknown else ABSENT, "a private endpoint of it", fix)


CONTROLS: Final = (
    Control(
        id="network-groups",
        sources=["CKV2_AZURE_31"],
        title="Every subnet has a network security group",
        severity="high",
        why="Without one, everything in the network reaches everything.",
        types=[_NETWORK, _SUBNET],
        judge=_in_each_subnet(
            "networkSecurityGroup.id", lambda path: expect(path, is_given, "a network security group's id")
        ),
    ),
    Control(
        id="network-ingress",
        sources=["CKV_AZURE_9", "CKV_AZURE_10", "CKV_AZURE_77", "CKV_AZURE_160"],
        title="Nothing is reached from the whole internet",
        severity="high",
        why="What listens is found within minutes.",
        types=[_GROUP, _RULE],
        judge=_not_all("Inbound", "sourceAddressPrefix"),
    ),
    Control(
        id="network-egress",
        sources=["own"],
        title="No rule lets anything reach the whole internet",
        severity="high",
        why="Data leaves where nothing stops it.",
        types=[_GROUP, _RULE],
        judge=_not_all("Outbound", "destinationAddressPrefix"),
    ),
    Control(
        id="network-no-default-outbound",
        sources=["own"],
        title="Subnets have no way out by themselves",
        severity="high",
        why="Azure gives machines an address of its own to the internet, which nobody sees.",
        types=[_NETWORK, _SUBNET],
        # https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
        judge=_in_each_subnet("defaultOutboundAccess", lambda path: expect(path, is_one_of(False), "false")),
    ),
    Control(
        id="network-endpoint-policies",
        sources=["NS-1"],
        title="Security groups hold for private endpoints, too",
        severity="medium",
        why="Off is the default: whoever is in the network reaches every service.",
        types=[_NETWORK, _SUBNET],
        # https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
        judge=_in_each_subnet(
            "privateEndpointNetworkPolicies",
            lambda path: expect(path, says("Enabled", "NetworkSecurityGroupEnabled"), "`Enabled`"),
        ),
    ),
    Control(
        id="network-private-endpoints",
        sources=["CKV2_AZURE_32", "CKV2_AZURE_33", "NS-2"],
        title="What the internet does not reach has a private endpoint",
        severity="high",
        why="Else somebody opens it again to reach it at all.",
        types=[ACCOUNT, REGISTRY, VAULT, WORKSPACE],
        judge=_reached_privately,
        applies=_closed,
    ),
)
