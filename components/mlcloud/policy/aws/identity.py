"""Controls of IAM: what policies allow, and whom roles trust."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.aws.documents import Statement, of_statements
from mlcloud.policy.control import Control
from mlcloud.policy.judging import problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

ROLE: Final = "aws:iam/role:Role"
_POLICIES: Final = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
_ATTACHMENTS: Final = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
# Actions that name no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/ .
NAMES_NO_RESOURCE: Final = frozenset(
    {
        *(
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
        ),
        "application-autoscaling:DescribeScheduledActions",
        *("cloudformation:CreateResource", "cloudformation:DeleteResource", "cloudformation:GetResource"),
        *("cloudformation:GetResourceRequestStatus", "cloudformation:UpdateResource"),
        *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:PutMetricData"),
        *("ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces"),
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        *("ecr:GetAuthorizationToken", "sts:GetCallerIdentity"),
        *("sagemaker:ListEndpointConfigs", "sagemaker:ListModels"),
    }
)
_BROAD: Final = ("*/AdministratorAccess", "*/PowerUserAccess", "*/IAMFullAccess", "*FullAccess")


def _named_actions(statement: Statement) -> Iterator[Problem]:
    for action in statement.actions if statement.allows else ():
        if action == "*" or action.endswith(":*"):
            yield problem(statement.path, action, "named actions", "list the actions that are needed")


def _named_resources(statement: Statement) -> Iterator[Problem]:
    restrictable = sorted(set(statement.actions) - NAMES_NO_RESOURCE)
    for resource in statement.resources if statement.allows and restrictable else ():
        if resource == "*" or _is_all_of_a_service(resource):
            fix = f"name the resources of {', '.join(restrictable)}, or the stack's prefix"
            yield problem(statement.path, resource, "resources by name", fix)


def _is_all_of_a_service(arn: str) -> bool:
    """Return whether an ARN (`arn:partition:service:region:account:resource`) is that of everything."""
    return arn.split(":", maxsplit=5)[5:] == ["*"]


def _named_roles(statement: Statement) -> Iterator[Problem]:
    if not statement.allows or not any(fnmatchcase("iam:PassRole", one) for one in statement.actions):
        return
    for resource in statement.resources:
        if resource == "*" or resource.endswith(":role/*") or _is_all_of_a_service(resource):
            yield problem(statement.path, resource, "roles by name", "name the roles that are passed")
    if "iam:passedtoservice" not in statement.conditions("StringEquals"):
        allowed = "the condition `iam:PassedToService`"
        yield problem(statement.path, ABSENT, allowed, "say to which service the roles are given")


def _named_keys(statement: Statement) -> Iterator[Problem]:
    decrypts = ("kms:Decrypt", "kms:ReEncryptFrom")
    if not statement.allows or not any(
        fnmatchcase(right, action) for right in decrypts for action in statement.actions
    ):
        return
    for resource in statement.resources:
        if resource == "*" or resource.endswith(":key/*"):
            yield problem(statement.path, resource, "keys by ARN", "name the stack's key")


def _not_broad(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    path = "managedPolicyArns[*]" if resource.type == ROLE else "policyArn"
    for at, value in resource.values(path):
        if value == UNKNOWN or any(fnmatchcase(str(value), pattern) for pattern in _BROAD):
            yield problem(
                at, value, "a policy that names what is needed", "write a policy of the stack's own"
            )


def _one_service(statement: Statement) -> Iterator[Problem]:
    if not statement.allows:
        return
    if len(statement.principals) != 1 or statement.principals[0][0] not in ("Service", "Federated"):
        told = ", ".join(f"{kind} {name}" for kind, name in statement.principals)
        yield problem(statement.path, told, "one service, or one identity provider", "make a role for each")
        return
    kind, name = statement.principals[0]
    if kind == "Service" and not statement.of_one_account:
        allowed = "a condition on `aws:SourceAccount` or `aws:SourceArn`"
        yield problem(statement.path, name, allowed, "say for whose resources the service may take the role")
    if kind == "Federated" and not any(
        key.endswith(":sub") for key in statement.conditions("StringEquals", "StringLike")
    ):
        allowed = "a condition on the token's `sub`"
        yield problem(statement.path, name, allowed, "say which of the provider's identities may")


CONTROLS: Final = (
    Control(
        id="identity-named-actions",
        sources=["IAM.1", "IAM.21", "CKV_AWS_62", "CKV_AWS_63", "CKV2_AWS_40", "CKV2_AWS_68"],
        title="Policies name their actions: never `*` or all of a service",
        severity="high",
        why="A role that can do anything is an administrator whose credentials lie in a container.",
        types=_POLICIES,
        judge=of_statements("policy", _named_actions),
    ),
    Control(
        id="identity-named-resources",
        sources=["CKV_AWS_287", "CKV_AWS_288", "CKV_AWS_289", "CKV_AWS_290", "CKV_AWS_355"],
        title="Policies name their resources wherever an action takes a name",
        severity="high",
        why="The stack's credentials reach what belongs to others in the account.",
        types=_POLICIES,
        judge=of_statements("policy", _named_resources),
    ),
    Control(
        id="identity-pass-role",
        sources=["CKV_AWS_286", "own"],
        title="`iam:PassRole` names roles, and the service that gets them",
        severity="high",
        why="Whoever can pass any role has the rights of all of them.",
        types=_POLICIES,
        judge=of_statements("policy", _named_roles),
    ),
    Control(
        id="identity-named-keys",
        sources=["KMS.1", "KMS.2"],
        title="Nobody may decrypt with every key",
        severity="medium",
        why="One role reads what every key of the account protects.",
        types=_POLICIES,
        judge=of_statements("policy", _named_keys),
    ),
    Control(
        id="identity-no-broad-policies",
        sources=["CKV_AWS_274", "CKV_AWS_275", "CKV2_AWS_56"],
        title="No AdministratorAccess, no *FullAccess",
        severity="high",
        why="AWS's broad policies hold rights that nobody here needs, and grow without being asked.",
        types=[*_ATTACHMENTS, ROLE],
        judge=_not_broad,
    ),
    Control(
        id="identity-trust",
        sources=["CKV_AWS_60", "CKV_AWS_61"],
        title="A role trusts one service, for this account's resources",
        severity="high",
        why="A service that acts for anybody could use the role for anybody: the confused deputy.",
        types=[ROLE],
        judge=of_statements("assumeRolePolicy", _one_service),
    ),
)
