"""The service authorization reference, as policy-sentry has it: actions, what they name, their conditions.

https://docs.aws.amazon.com/service-authorization/latest/reference/ is its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from policy_sentry.querying.actions import get_action_data, get_actions_for_service
from policy_sentry.querying.conditions import get_condition_key_details


@dataclass(frozen=True)
class Action:
    """An action of a service.

    Attributes:
        name: Such as `s3:GetObject`.
        formats: Of the ARNs that it can name; none where it can only name all.
        conditions: The keys that its own service gives it, with `${...}` where a part is free.
    """

    name: str
    formats: tuple[str, ...]
    conditions: frozenset[str]


@cache
def actions(pattern: str) -> tuple[Action, ...]:
    """The actions that a pattern of IAM's names; none where there is no such action."""
    service, _, name = pattern.partition(":")
    known = get_actions_for_service(service) or []
    return tuple(_action(found) for found in sorted(known) if matches(f"{service}:{name}", found, case=False))


def _action(known: str) -> Action:
    service, name = known.split(":")
    rows = get_action_data(service, name)[service]
    formats = {row["resource_arn_format"] for row in rows} - {"*"}
    keys = frozenset(key for row in rows for key in row["condition_keys"])
    return Action(rows[0]["action"], tuple(sorted(formats)), keys)


def condition_type(key: str) -> str | None:
    """A condition key's type, such as `String`; None where the reference has no such key."""
    service, _, _ = key.partition(":")
    if not get_actions_for_service(service):
        return None
    known = get_condition_key_details(service, key)
    return known["condition_value_type"].lower() if known else None


def matches(pattern: str, value: str, *, case: bool = True) -> bool:
    """Whether a value is what a pattern of IAM's says: `*` is anything, `?` any character."""
    words = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(words, value, re.DOTALL if case else re.DOTALL | re.IGNORECASE) is not None


def overlap(pattern: str, form: str) -> bool:
    """Whether something is named by a pattern and has a form of the reference, `arn:${Partition}:s3:::${X}`.

    A bucket's name has no slash; else a free part may be anything.
    """
    return _overlap(tuple(_signs(pattern)), tuple(_signs(form)))


_ANY, _NAME = "<anything>", "<anything without a slash>"


def _signs(text: str) -> Iterator[str]:
    """The text's characters, with a sign for each free part."""
    free = _NAME if text.endswith(":s3:::${BucketName}") else _ANY
    for part in re.findall(r"\$\{\w+\}|.", text):
        yield free if part.startswith("${") else _ANY if part == "*" else part


@cache
def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one and not other:
        return True
    for left, right in ((one, other), (other, one)):
        if left and left[0] in (_ANY, _NAME):
            if _overlap(left[1:], right):
                return True
            return bool(right) and not (left[0] == _NAME and right[0] == "/") and _overlap(left, right[1:])
    return bool(one) and bool(other) and one[0] == other[0] and _overlap(one[1:], other[1:])
