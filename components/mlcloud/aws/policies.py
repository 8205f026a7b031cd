"""Policy documents: statements as IAM writes them, of plain values and outputs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from mlcloud.aws.arns import arn
from mlcloud.core.scope import Scope

Condition = Mapping[str, Mapping[str, Any]]
"""Operator to key to value: `{"StringEquals": {"aws:SourceAccount": "123456789012"}}`."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: What it is for, letters and digits.
        actions: Actions, such as `s3:GetObject`.
        resources: Names of resources; none in a trust policy, where the role itself is meant.
        effect: `Allow` or `Deny`. Default `Allow`.
        principal: Whom a resource's own policy speaks of. Default: none, the policy's holder is meant.
        condition: When the statement holds. Default: always.
    """

    sid: str
    actions: Sequence[str]
    resources: pulumi.Input[Sequence[pulumi.Input[str]]] = ()
    effect: str = "Allow"
    principal: str | Mapping[str, Any] | None = None
    condition: Condition | None = None

    def plain(self) -> dict[str, Any]:
        """Return the statement as IAM writes it."""
        written: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect}
        if self.principal is not None:
            written["Principal"] = self.principal
        written["Action"] = list(self.actions)
        if self.resources != ():
            written["Resource"] = self.resources
        if self.condition is not None:
            written["Condition"] = self.condition
        return written


def document(*statements: Statement) -> pulumi.Output[str]:
    """Return a policy document as JSON, statements in the order given."""
    content: Any = {"Version": "2012-10-17", "Statement": [statement.plain() for statement in statements]}
    return pulumi.Output.json_dumps(content, separators=(",", ":"))


def plain_document(*statements: Statement) -> str:
    """Return a policy document of plain values as JSON."""
    content = {"Version": "2012-10-17", "Statement": [statement.plain() for statement in statements]}
    return json.dumps(content, separators=(",", ":"))


def of_this_account(scope: Scope, *source_arns: str) -> Condition:
    """Return the condition that a service acts for this account, and for these resources of it.

    Without it, anybody's resource of that service could use the role or key: the confused deputy
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
    """
    return {
        "StringEquals": {"aws:SourceAccount": scope.account},
        "ArnLike": {"aws:SourceArn": list(source_arns)},
    }


def trust(scope: Scope, service: str, *source_arns: str) -> str:
    """Return a role's trust policy: one service, for this account's resources alone.

    Args:
        scope: The account.
        service: The service's principal, such as `sagemaker.amazonaws.com`.
        source_arns: For which resources; patterns are allowed.
    """
    return plain_document(
        Statement(
            sid="Trust",
            actions=["sts:AssumeRole"],
            principal={"Service": service},
            condition=of_this_account(scope, *source_arns),
        )
    )


def account_root(scope: Scope) -> str:
    """Return the principal that stands for the account: its IAM policies decide who may."""
    return arn(scope, "iam", "root", regional=False)
