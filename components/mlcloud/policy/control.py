"""What a control is, what it finds, and how one is waived: in code, with a reason that people can read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from mlcloud.core.errors import Problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low")

Judge = Callable[[Resource, Declared], Iterable[Problem]]
"""Looks at one resource, and at all others where it needs them; yields what is wrong. Pure."""
Test = Callable[[Resource, Declared], bool]
"""Says of one resource whether something is about it. Pure."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One property of one resource that a control does not accept.

    Attributes:
        control: The control's id.
        severity: How bad it is.
        urn: The resource.
        problem: Property path, value, what is required and how to fix it; a value of `UNKNOWN` is one that
            only the update will tell.
    """

    control: str
    severity: Severity
    urn: str
    problem: Problem

    @property
    def is_unknown(self) -> bool:
        """Whether the value is not known yet, so that nobody can say."""
        return self.problem.value == UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Control:
    """A property that every stack must declare.

    Attributes:
        id: Ours, `<part>-<property>`, such as `storage-public-access`.
        sources: Ids of those who demand it: `S3.1` (AWS Security Hub), `CKV_AWS_53` (checkov), ...
        title: What must hold, in a line.
        severity: As the design's table says.
        why: What could happen otherwise.
        types: Type tokens of the resources that it judges; none: of any type.
        judge: Finds what is wrong with one of them.
        applies: Whether it is about a resource of these types at all. Default: it is.
        environments: Where it is demanded. Default: everywhere.
    """

    id: str
    sources: Sequence[str]
    title: str
    severity: Severity
    why: str
    types: Sequence[str]
    judge: Judge
    applies: Test | None = None
    environments: Sequence[str] = ()

    def subjects(self, declared: Declared) -> list[Resource]:
        """Return the resources that it judges."""
        if self.environments and declared.environment not in self.environments:
            return []
        resources = declared.all(*self.types) if self.types else declared.resources
        return [one for one in resources if self.applies is None or self.applies(one, declared)]

    def findings(self, subject: Resource, declared: Declared) -> list[Finding]:
        """Return what is wrong with one resource."""
        return [
            Finding(control=self.id, severity=self.severity, urn=subject.urn, problem=problem)
            for problem in self.judge(subject, declared)
        ]


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """Resources that a control need not accept.

    Attributes:
        control: The control's id.
        resources: Which resources, in words, for the guide.
        reason: Why, with its source.
        types: Patterns of their type tokens (`aws:s3/*`). Default: all that the control judges.
        names: Patterns of their names in the program (`*-logs-*`). Default: any.
        test: Which of them. Default: all.
        adr: The decision, as its file in docs/adr is named, without ending. Default: none was needed.
    """

    control: str
    resources: str
    reason: str
    types: Sequence[str] = ("*",)
    names: Sequence[str] = ("*",)
    test: Test | None = None
    adr: str = ""

    def covers(self, resource: Resource, declared: Declared) -> bool:
        """Return whether a resource is one of them."""
        return (
            any(fnmatchcase(resource.type, pattern) for pattern in self.types)
            and any(fnmatchcase(resource.name, pattern) for pattern in self.names)
            and (self.test is None or self.test(resource, declared))
        )
