"""Rules and what they say now: pure functions from values to states.

An alarm opens when its value has been on the wrong side of the limit for a while, and closes when it has been
on the right one for as long, so that a value that swings around the limit does not open it again and again.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from mlcloud.provider.local import checks
from mlcloud.provider.local.series import KEPT_S, MEASURES

State = Literal["ok", "alarm", "no-data"]
COMPARISONS: Final = ("above", "below")
# A message is handed to a command through a pipe, which takes 64 KiB without a reader.
_DESCRIPTION_CHARACTERS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When there is an alarm.

    Attributes:
        name: the alarm's name.
        metric: what is measured: one of `mlcloud.provider.local.series.MEASURES`.
        threshold: the limit, in the metric's unit.
        comparison: on which side of the limit the trouble lies: `above` or `below`. Default `above`.
        period_s: seconds that a value looks back, 1 to 900. Default 60.
        hold_s: seconds for which a value must lie there before the alarm opens, and on the other side before
            it closes, 0 to 900. Default 15.
        least_requests: with fewer requests in the period there is no value, where it is one of requests.
            Default 10.
        description: what it means and what to do, for people, in at most 2000 characters.
    """

    name: str
    metric: str
    threshold: float
    comparison: str = "above"
    period_s: float = 60.0
    hold_s: float = 15.0
    least_requests: int = 10
    description: str = ""

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with it: the attribute, and the reason for people."""
        name_problem = checks.name(self.name)
        if name_problem is not None:
            yield "name", name_problem
        if self.metric not in MEASURES:
            yield "metric", f'"{self.metric}" is not a metric: {", ".join(MEASURES)}.'
        if not math.isfinite(self.threshold):
            yield "threshold", f"{self.threshold:g} is not a number that a value can pass."
        if self.comparison not in COMPARISONS:
            yield "comparison", f'"{self.comparison}" is not a comparison: above or below.'
        if not 1 <= self.period_s <= KEPT_S:
            yield "period_s", f"{self.period_s:g} is not from 1 to {KEPT_S:g} seconds."
        if not 0 <= self.hold_s <= KEPT_S:
            yield "hold_s", f"{self.hold_s:g} is not from 0 to {KEPT_S:g} seconds."
        if self.least_requests < 0:
            yield "least_requests", f"{self.least_requests} is below 0."
        if len(self.description) > _DESCRIPTION_CHARACTERS:
            yield "description", f"it has more than {_DESCRIPTION_CHARACTERS} characters: shorten it."

    def state_of(self, value: float | None) -> State:
        """What a value means."""
        if value is None:
            return "no-data"
        wrong = value < self.threshold if self.comparison == "below" else value > self.threshold
        return "alarm" if wrong else "ok"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a rule stands.

    Attributes:
        state: its state.
        value: its last value; None where there was none.
        since: when the state began, in Unix seconds.
        coming: the state that its values speak for now; the same, where they speak for this one.
        coming_since: since when they do, in monotonic seconds.
    """

    state: State
    value: float | None
    since: float
    coming: State
    coming_since: float

    @classmethod
    def first(cls, now: float, wall: float, state: State = "no-data") -> "Condition":
        """How a rule stands before there was a value."""
        return cls(state=state, value=None, since=wall, coming=state, coming_since=now)


def judge(rule: Rule, before: Condition, value: float | None, *, now: float, wall: float) -> Condition:
    """How a rule stands with another value.

    Args:
        rule: the rule.
        before: how it stood.
        value: its value; None where there is none.
        now: monotonic seconds.
        wall: Unix seconds.
    """
    coming = rule.state_of(value)
    if coming != before.coming:
        before = replace(before, coming=coming, coming_since=now)
    held = now - before.coming_since >= rule.hold_s or "alarm" not in (before.state, coming)
    if coming == before.state or not held:
        return replace(before, value=value)
    return replace(before, state=coming, value=value, since=wall)


def described(rule: Rule, condition: Condition, versions: Mapping[str, Condition]) -> dict[str, Any]:
    """An alarm as others read it."""
    return {
        "name": rule.name,
        "metric": rule.metric,
        "comparison": rule.comparison,
        "threshold": rule.threshold,
        "unit": MEASURES[rule.metric].unit,
        "period_s": rule.period_s,
        "state": condition.state,
        "value": _rounded(condition.value),
        "since": condition.since,
        "description": rule.description,
        "versions": {
            label: {"state": one.state, "value": _rounded(one.value), "since": one.since}
            for label, one in versions.items()
        },
    }


def _rounded(value: float | None) -> float | None:
    """More digits than a histogram knows are only noise."""
    return None if value is None else float(f"{value:.6g}")
