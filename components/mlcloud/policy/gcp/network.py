"""Controls of VPC networks: who can reach what, and who sees it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_not_true, is_one_of, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_NETWORK: Final = "gcp:compute/network:Network"
_SUBNET: Final = "gcp:compute/subnetwork:Subnetwork"
_FIREWALL: Final = "gcp:compute/firewall:Firewall"
_PROJECT: Final = "gcp:organizations/project:Project"
_WORLD: Final = ("0.0.0.0/0", "::/0")
# Who may send where no range is written (https://cloud.google.com/firewall/docs/firewalls#sources).
_SENDERS: Final = ("sourceRanges", "sourceTags", "sourceServiceAccounts")


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _allows(firewall: Resource, direction: str) -> bool:
    """Return whether a rule may let something through in a direction; rules without one are for ingress."""
    given = firewall.value("direction")
    return ("INGRESS" if given is ABSENT else given) in (direction, UNKNOWN)


def _world(firewall: Resource, key: str) -> Iterator[Problem]:
    fix = "name the addresses, or the tag or account of those who may"
    for at, value in firewall.values(f"{key}[*]"):
        if value in (*_WORLD, UNKNOWN):
            yield problem(at, value, "not the whole internet", fix)


def _closed(firewall: Resource, _declared: Declared) -> Iterator[Problem]:
    if not _allows(firewall, "INGRESS") or not is_given(firewall.value("allows")):
        return
    yield from _world(firewall, "sourceRanges")
    if not any(is_given(firewall.value(key)) for key in _SENDERS):
        yield problem(
            "sourceRanges", ABSENT, "addresses, tags or accounts", "say who may: else everybody may"
        )


def _ways_out(resource: Resource, declared: Declared) -> Iterator[Problem]:
    if resource.type == _FIREWALL:
        if _allows(resource, "EGRESS") and is_given(resource.value("allows")):
            yield from _world(resource, "destinationRanges")
            if not is_given(resource.value("destinationRanges")):
                yield problem("destinationRanges", ABSENT, "addresses", "say where to: else it is everywhere")
        return
    rules = declared.referring(resource, _FIREWALL, "network")
    states = [_denies_all(rule) for rule in rules]
    if True not in states:
        value = UNKNOWN if UNKNOWN in states else ABSENT
        fix = "declare a Firewall that denies all protocols to 0.0.0.0/0, after those that allow"
        yield problem("Firewall", value, "a rule that denies what no other lets out", fix)


def _denies_all(rule: Resource) -> Any:
    """Return whether a rule lets nothing out; `UNKNOWN` where only the update will tell."""
    ranges = rule.value("destinationRanges")
    protocols = [value for _, value in rule.values("denies[*].protocol")]
    parts: Sequence[tuple[Any, bool]] = (
        (rule.value("direction"), rule.value("direction") == "EGRESS"),
        (ranges, "0.0.0.0/0" in _list(ranges)),
        (protocols, "all" in protocols),
        (rule.value("disabled"), is_not_true(rule.value("disabled")) and rule.value("disabled") != UNKNOWN),
    )
    if all(holds for _, holds in parts):
        return True
    unknown = all(holds or value == UNKNOWN or UNKNOWN in _list(value) for value, holds in parts)
    return UNKNOWN if unknown else False


def _nothing_by_itself(resource: Resource, declared: Declared) -> Iterator[Problem]:
    path = "autoCreateNetwork" if resource.type == _PROJECT else "autoCreateSubnetworks"
    yield from expect(path, is_one_of(False, "false"), "false")(resource, declared)


def _has_machines(subnet: Resource, _declared: Declared) -> bool:
    """Return whether machines get addresses of a subnet; those of load balancers have no flow logs."""
    return subnet.value("purpose") in (ABSENT, UNKNOWN, "", "PRIVATE")


CONTROLS: Final = (
    Control(
        id="network-ingress",
        sources=["CKV_GCP_2", "CKV_GCP_3", "CKV_GCP_75", "CKV_GCP_77", "CKV_GCP_88", "CKV_GCP_106"],
        title="Nothing is reached from the whole internet",
        severity="high",
        why="What listens is found within minutes.",
        types=[_FIREWALL],
        judge=_closed,
    ),
    Control(
        id="network-egress",
        sources=["own"],
        title="Nothing reaches the whole internet",
        severity="high",
        why="Data leaves where nothing stops it: a network lets everything out by itself.",
        types=[_NETWORK, _FIREWALL],
        judge=_ways_out,
    ),
    Control(
        id="network-no-default",
        sources=["CKV2_GCP_18", "CKV_GCP_27"],
        title="No network, and no subnet, makes itself",
        severity="medium",
        why="The default network has subnets in every region, and lets in SSH from everywhere.",
        types=[_NETWORK, _PROJECT],
        judge=_nothing_by_itself,
    ),
    Control(
        id="network-flow-logs",
        sources=["CKV_GCP_26"],
        title="Who talks to whom is logged",
        severity="medium",
        why="After a break-in nobody can say what it reached.",
        types=[_SUBNET],
        judge=each(
            expect("logConfig", is_given, "flow logs"),
            expect("logConfig.flowSampling", lambda value: value not in (0, 0.0), "more than 0"),
        ),
        applies=_has_machines,
    ),
    Control(
        id="network-private-apis",
        sources=["CKV_GCP_74"],
        title="Google's APIs are reached without a public address",
        severity="medium",
        why="Else machines need a way to the internet.",
        types=[_SUBNET],
        judge=expect("privateIpGoogleAccess", is_true, "true"),
        applies=_has_machines,
    ),
)
