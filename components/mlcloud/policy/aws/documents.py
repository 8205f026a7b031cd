"""IAM's policy documents as controls read them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Judge
from mlcloud.policy.judging import problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_DOCUMENT = "a policy document: JSON with a list of statements"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy document.

    Attributes:
        path: Where it is, for people: `policy: DenyOldTls`, or its number where it has no name.
        allows: Whether it allows; else it denies.
        actions: Its actions; `NotAction` reads as all actions.
        resources: Its resources; `NotResource` reads as all resources; none in a trust policy.
        principals: Whom it speaks of, as `(kind, name)`; `NotPrincipal` reads as everybody.
        condition: When it holds: operator to key to value.
    """

    path: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    condition: Mapping[str, Mapping[str, Any]]

    @property
    def is_public(self) -> bool:
        """Whether it speaks of everybody."""
        return any(name == "*" for _, name in self.principals)

    def conditions(self, *operators: str) -> dict[str, Any]:
        """Return what some operators compare, by the key in lower case; IAM's keys know no case.

        `...IfExists` and `ForAllValues:...` are other operators: they hold where there is no value at all.
        """
        return {
            key.lower(): value
            for operator, compared in self.condition.items()
            if operator in operators
            for key, value in compared.items()
        }

    @property
    def of_one_account(self) -> bool:
        """Whether it holds for one account, or one resource, on whose behalf a service acts."""
        equal = self.conditions("StringEquals", "ArnLike", "ArnEquals", "StringLike")
        keys = ("aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:aws:logs:arn")
        return any(equal.get(key) not in (None, "*", ["*"]) for key in keys)


def of_statements(path: str, judge: Callable[[Statement], Iterable[Problem]]) -> Judge:
    """Return a judge of each statement of the document at a path."""
    return of_document(path, lambda statements: (found for one in statements for found in judge(one)))


def of_document(path: str, judge: Callable[[list[Statement]], Iterable[Problem]]) -> Judge:
    """Return a judge of the document at a path; one that is absent or not known is told as such."""

    def judged(resource: Resource, _declared: Declared) -> Iterator[Problem]:
        value = resource.value(path)
        statements = None if value == UNKNOWN or value is ABSENT else _statements(path, value)
        if statements is None:
            yield problem(path, value, _DOCUMENT, "write the policy out: the service's own default is wider")
        else:
            yield from judge(statements)

    return judged


def _statements(path: str, value: Any) -> list[Statement] | None:
    """Return the statements of a document; None where it is none."""
    try:
        content = json.loads(value) if isinstance(value, str) else value
        found = content["Statement"]
        listed = cast("list[dict[str, Any]]", found if isinstance(found, list) else [found])
        return [_statement(path, index, one) for index, one in enumerate(listed)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _statement(path: str, index: int, written: Mapping[str, Any]) -> Statement:
    everybody = {"AWS": "*"}
    principal = everybody if "NotPrincipal" in written else written.get("Principal", {})
    kinds: dict[str, Any] = everybody if principal == "*" else principal
    return Statement(
        path=f"{path}: {written.get('Sid') or f'statement {index}'}",
        allows=written["Effect"] == "Allow",
        actions=("*",) if "NotAction" in written else _texts(written.get("Action")),
        resources=("*",) if "NotResource" in written else _texts(written.get("Resource")),
        principals=tuple((kind, name) for kind, names in kinds.items() for name in _texts(names)),
        condition=written.get("Condition") or {},
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, cast("list[Any]", value))) if isinstance(value, list) else (str(value),)
