"""Controls of VPCs: who can reach what, and who sees it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.aws.documents import Statement, of_statements
from mlcloud.policy.control import Control, Judge
from mlcloud.policy.judging import each, expect, has, is_given, is_not_true, is_one_of, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

VPC: Final = "aws:ec2/vpc:Vpc"
_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
_ENDPOINT: Final = "aws:ec2/vpcEndpoint:VpcEndpoint"
_DEFAULT_GROUP: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_WORLD: Final = ("0.0.0.0/0", "::/0")
# What SageMaker's training and serving call from inside, besides S3 by its gateway.
SERVICES: Final = ("sagemaker.api", "sagemaker.runtime", "ecr.api", "ecr.dkr", "logs", "sts", "kms")
_ALL_PROTOCOLS: Final = ("-1", "all", -1)
# The provider writes the last two where nobody says anything.
_UNSAID: Final = (ABSENT, UNKNOWN, "", "Managed by Pulumi", "Managed by Terraform")


def _rules(resource: Resource, direction: str) -> Iterator[tuple[str, Any]]:
    """Yield the rules of a direction, inline or as a resource of its own, with their paths."""
    if resource.type == _GROUP:
        rules: Any = resource.inputs.get(direction)
        if rules == UNKNOWN:
            yield direction, UNKNOWN
        for index, rule in enumerate(cast("list[Any]", rules) if isinstance(rules, list) else []):
            yield f"{direction}[{index}]", rule
    elif resource.type == _RULE:
        if resource.value("type") in (direction, UNKNOWN):
            yield "", resource.inputs
    elif resource.type == (_INGRESS if direction == "ingress" else _EGRESS):
        yield "", resource.inputs


def _open(direction: str, *, protocols: bool) -> Judge:
    def judge(resource: Resource, _declared: Declared) -> Iterator[Problem]:
        for at, rule in _rules(resource, direction):
            if rule == UNKNOWN:
                yield problem(at, UNKNOWN, "rules that do not name the whole internet")
                continue
            for key in ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks"):
                yield from _world(f"{at}.{key}".lstrip("."), rule.get(key))
            for key in ("ipProtocol", "protocol") if protocols else ():
                if rule.get(key) in (*_ALL_PROTOCOLS, UNKNOWN):
                    yield problem(f"{at}.{key}".lstrip("."), rule[key], "a named protocol, with its ports")

    return judge


def _world(path: str, given: Any) -> Iterator[Problem]:
    blocks: Sequence[Any] = cast("list[Any]", given) if isinstance(given, list) else [given]
    for block in blocks:
        if block in (*_WORLD, UNKNOWN):
            fix = "refer to a security group or a prefix list, or name the addresses"
            yield problem(path, block, "not the whole internet", fix)


def _described(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    if resource.value("description") in _UNSAID:
        yield problem("description", resource.value("description"), "what it is for, in words")
    for direction in ("ingress", "egress") if resource.type == _GROUP else ():
        for at, rule in _rules(resource, direction):
            said = UNKNOWN if rule == UNKNOWN else rule.get("description", ABSENT)
            if said in _UNSAID:
                yield problem(f"{at}.description", said, "what it is for, in words")


def _empty(path: str) -> Judge:
    return expect(path, lambda value: value == [], "no rules", "declare it with an empty list")


def _services(vpc: Resource, declared: Declared) -> Iterator[Problem]:
    endpoints = declared.referring(vpc, _ENDPOINT, "vpcId")
    names = [endpoint.value("serviceName") for endpoint in endpoints]
    for service in (*SERVICES, "s3"):
        if not any(isinstance(name, str) and name.endswith(f".{service}") for name in names):
            value = UNKNOWN if UNKNOWN in names else ABSENT
            fix = f"declare a VpcEndpoint for com.amazonaws.<region>.{service}"
            yield problem(f"VpcEndpoint {service}", value, "an endpoint of the service", fix)


def _private_names(endpoint: Resource, declared: Declared) -> Iterator[Problem]:
    if endpoint.value("vpcEndpointType") == "Interface":
        yield from expect("privateDnsEnabled", is_true, "true")(endpoint, declared)


def _limited(statement: Statement) -> Iterator[Problem]:
    if statement.allows and "*" in statement.resources and not statement.condition:
        allowed = "named resources, or a condition on the account"
        yield problem(statement.path, "Resource *", allowed, "add `aws:PrincipalAccount`")


CONTROLS: Final = (
    Control(
        id="network-ingress",
        sources=["EC2.18", "EC2.19", "CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AWS_277"],
        title="Nothing is reached from the whole internet",
        severity="high",
        why="What listens is found within minutes.",
        types=[_GROUP, _INGRESS, _RULE],
        judge=_open("ingress", protocols=False),
    ),
    Control(
        id="network-egress",
        sources=["CKV_AWS_382"],
        title="Nothing reaches the whole internet, or every port of anything",
        severity="high",
        why="Data leaves where nothing stops it.",
        types=[_GROUP, _EGRESS, _RULE],
        judge=_open("egress", protocols=True),
    ),
    Control(
        id="network-descriptions",
        sources=["CKV_AWS_23"],
        title="Security groups and their rules say what they are for",
        severity="high",
        why="A rule that nobody understands is never removed.",
        types=[_GROUP, _INGRESS, _EGRESS, _RULE],
        judge=_described,
    ),
    Control(
        id="network-default-group",
        sources=["EC2.2", "CKV2_AWS_12"],
        title="The VPC's default security group lets nothing through",
        severity="high",
        why="Whatever forgets to name a group gets this one.",
        types=[VPC],
        judge=has(_DEFAULT_GROUP, "vpcId", each(_empty("ingress"), _empty("egress"))),
    ),
    Control(
        id="network-flow-logs",
        sources=["EC2.6", "CKV2_AWS_11"],
        title="Who talks to whom is logged",
        severity="medium",
        why="After a break-in nobody can say what it reached.",
        types=[VPC],
        judge=has(
            "aws:ec2/flowLog:FlowLog",
            "vpcId",
            expect("trafficType", is_one_of("ALL", "REJECT"), "`ALL`, or `REJECT` at least"),
        ),
    ),
    Control(
        id="network-no-public-addresses",
        sources=["EC2.15", "CKV_AWS_130"],
        title="Machines get no public address from their subnet",
        severity="medium",
        why="What nobody meant to publish is on the internet.",
        types=["aws:ec2/subnet:Subnet"],
        judge=expect("mapPublicIpOnLaunch", is_not_true, "false"),
    ),
    Control(
        id="network-service-endpoints",
        sources=["own"],
        title="AWS's services are reached inside the network",
        severity="medium",
        why="Else training and serving need a way to the internet.",
        types=[VPC],
        judge=_services,
    ),
    Control(
        id="network-endpoint-policies",
        sources=["own"],
        title="Endpoints of services answer by their usual names, and let named things through",
        severity="medium",
        why="Through an open endpoint data goes to anybody's account.",
        types=[_ENDPOINT],
        judge=each(_private_names, expect("policy", is_given, "a policy"), of_statements("policy", _limited)),
    ),
)
