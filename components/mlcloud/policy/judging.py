"""What judges are made of: each way of looking at a property says `unknown` where a preview cannot tell."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Judge
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

PROD: Final = ("prod",)


def expect(path: str, accept: Callable[[Any], bool], required: str, fix: str = "") -> Judge:
    """Return a judge that wants every value at a path to be accepted; absent ones are asked about, too.

    Args:
        path: A property path; `[*]` means each item.
        accept: Whether a value will do. It gets `ABSENT` where there is none.
        required: What would do, in words.
        fix: What to do. Default: set the property so.
    """

    def judge(resource: Resource, _declared: Declared) -> Iterator[Problem]:
        for at, value in resource.values(path):
            if value == UNKNOWN or not accept(value):
                yield problem(at, value, required, fix)

    return judge


def problem(path: str, value: Any, required: str, fix: str = "") -> Problem:
    """Return what is wrong at a path."""
    return Problem(path=path, value=value, allowed=required, fix=fix or f"set `{path}` to {required}")


def each(*judges: Judge) -> Judge:
    """Return a judge that wants all of several things."""

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        for one in judges:
            yield from one(resource, declared)

    return judge


def has(type_: str, path: str, what: Judge | None = None) -> Judge:
    """Return a judge that wants a resource of another type to refer to this one, and looks at it.

    Args:
        type_: The other's type token.
        path: Its property that refers to this resource.
        what: What else must hold of it; its problems are told with its name. Default: nothing.
    """
    kind = type_.rsplit(":", 1)[-1]

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        found = declared.referring(resource, type_, path)
        if not found:
            fix = f"declare {kind} with `{path}` of this resource"
            lost = any(_may_be_of(one, path, resource) for one in declared.all(type_))
            yield problem(kind, UNKNOWN if lost else ABSENT, f"a {kind} of it", fix)
        for other in found:
            if what is not None:
                yield from _told_with(other, what(other, declared))

    return judge


def _may_be_of(candidate: Resource, path: str, subject: Resource) -> bool:
    """Return whether a reference that is not known yet could still turn out to be this resource."""
    return candidate.value(path) == UNKNOWN and (
        not candidate.dependencies or subject.urn in candidate.dependencies
    )


def _told_with(other: Resource, problems: Iterable[Problem]) -> Iterator[Problem]:
    for one in problems:
        yield Problem(path=f"{other.name}: {one.path}", value=one.value, allowed=one.allowed, fix=one.fix)


def is_true(value: Any) -> bool:
    """Return whether a flag is on; some of AWS's are texts."""
    return value is True or value == "true"


def is_not_true(value: Any) -> bool:
    """Return whether a flag is off, or left to a default that is off."""
    return not is_true(value)


def is_given(value: Any) -> bool:
    """Return whether there is a value: not absent, not empty."""
    return value is not ABSENT and value not in ("", [], {})


def is_one_of(*allowed: Any) -> Callable[[Any], bool]:
    """Return a test for one of some values."""
    return lambda value: value in allowed


def says(*allowed: str) -> Callable[[Any], bool]:
    """Return a test for one of some words in any case: Azure's know none."""
    return lambda value: isinstance(value, str) and value.lower() in {one.lower() for one in allowed}


def at_least(low: float) -> Callable[[Any], bool]:
    """Return a test for a number that is not below another."""
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value >= low
