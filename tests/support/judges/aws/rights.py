"""What policies allow, and whether what is needed is allowed and what is allowed is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.judges.aws.authorization import matches
from support.judges.aws.policies import Document
from support.judges.report import Finding, Report


@dataclass(frozen=True)
class Need:
    """Something that somebody must be allowed.

    Attributes:
        action: Such as `s3:GetObject`.
        resource: The ARN that it names; `*` where the action names none.
        why: Which call or resource needs it.
        context: Condition keys that the call carries.
    """

    action: str
    resource: str
    why: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass
class Rights:
    """The statements that somebody holds.

    Attributes:
        documents: The policies; a Deny in them is not understood and refused.
    """

    documents: Iterable[Document]
    _used: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._statements = [
            (f"{document.path}: {statement['Sid']}", statement)
            for document in self.documents
            for statement in document.statements
        ]
        assert self._statements, "no statement was found"
        assert all(statement["Effect"] == "Allow" for _, statement in self._statements)

    def judge(self, needs: Iterable[Need], *, left_out: Mapping[str, str] | None = None) -> Report:
        """Say which needs are not allowed; remembers what of the rights they used.

        Args:
            needs: What is needed.
            left_out: Actions that are not allowed on purpose, with the reason.
        """
        report = Report()
        for need in sorted(set(needs), key=lambda item: (item.action, item.resource, item.why)):
            line = f"{need.why}: {need.action} on {need.resource}"
            if left_out and need.action in left_out:
                report.unjudged[line] = left_out[need.action]
                continue
            report.judged.append(line)
            if not self.allows(need):
                report.findings.append(Finding(need.why, "denied", f"{need.action} on {need.resource}"))
        return report

    def allows(self, need: Need) -> bool:
        """Whether a statement allows it."""
        found = False
        for path, statement in self._statements:
            for pattern in statement["Action"]:
                if matches(pattern, need.action, case=False) and _holds(statement, need):
                    self._used.add((path, pattern))
                    found = True
        return found

    def unused(self) -> list[str]:
        """The allowed actions that nothing asked for so far."""
        return [
            f"{path}: {pattern}"
            for path, statement in self._statements
            for pattern in statement["Action"]
            if (path, pattern) not in self._used
        ]


def _holds(statement: Mapping[str, Any], need: Need) -> bool:
    if not any(matches(resource, need.resource) for resource in statement["Resource"]):
        return False
    context = dict(need.context)
    return all(
        key in context and any(matches(value, context[key]) for value in _listed(values))
        for keys in statement.get("Condition", {}).values()
        for key, values in keys.items()
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
