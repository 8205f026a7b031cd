"""Controls of KMS's keys."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.aws.documents import Statement, of_statements
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_one_of, is_true, problem

_KEY: Final = "aws:kms/key:Key"
# The longest that KMS allows, and its default
# (https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html).
_WINDOW_DAYS: Final = 30


def _not_public(statement: Statement) -> Iterator[Problem]:
    if not statement.allows:
        return
    if statement.is_public:
        yield problem(statement.path, "Principal *", "this account, or named services", "name who may")
    for kind, name in statement.principals:
        if kind == "Service" and not statement.of_one_account:
            allowed = "a condition on `aws:SourceAccount`, `aws:SourceArn` or the log group's ARN"
            yield problem(statement.path, name, allowed, "say for whose resources the service may")


CONTROLS: Final = (
    Control(
        id="keys-not-public",
        sources=["KMS.5", "CKV_AWS_33", "CKV2_AWS_64"],
        title="Keys have a policy of their own that lets nobody in whom it does not name",
        severity="critical",
        why="Whoever may use the key reads everything that it encrypts.",
        types=[_KEY],
        judge=of_statements("policy", _not_public),
    ),
    Control(
        id="keys-deletion-window",
        sources=["KMS.3", "CKV_AWS_227"],
        title="A key is enabled, and can be brought back for 30 days once deleted",
        severity="critical",
        why="A key that is gone takes everything with it that it encrypts.",
        types=[_KEY],
        # The provider's default is 30, too; it is wanted written, so that people see it.
        judge=each(
            expect("deletionWindowInDays", is_one_of(_WINDOW_DAYS), str(_WINDOW_DAYS)),
            expect("isEnabled", is_one_of(ABSENT, True), "true"),
        ),
    ),
    Control(
        id="keys-rotation",
        sources=["KMS.4", "CKV_AWS_7"],
        title="Keys rotate every year",
        severity="high",
        why="The more one key has encrypted, the more its loss tells.",
        types=[_KEY],
        judge=expect("enableKeyRotation", is_true, "true"),
    ),
)
