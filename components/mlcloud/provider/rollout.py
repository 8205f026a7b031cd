"""How a new version takes over a cloud's endpoint, where the cloud itself moves no traffic in steps.

What the resources of several clouds share: the shares of the traffic, the watch over alerts between two
moves, and a way back that is gone to its end.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.resource import Context

# The status of what moves traffic, as its outputs tell it; anything but serving is mended by the next update.
SERVING: Final = "serving"
DIFFERS: Final = "differs"
ROLLING_BACK: Final = "rolling-back"

ALL: Final = 100
"""All the traffic, in percent."""

# Alert rules are evaluated once or twice a minute.
_POLL_S: Final = 10.0

OpenAlerts = Callable[[], dict[str, str]]
"""Asks a cloud for its open alerts: what is shown to people by the alert's own name."""


def two_ways(canary_percent: int | None, linear_step_percent: int | None) -> Problem | None:
    """The problem of inputs that name two ways to move traffic."""
    if canary_percent is None or linear_step_percent is None:
        return None
    reason = "`canaryPercent` and `linearStepPercent` are two ways to move traffic: give one."
    return Problem(path="linearStepPercent", reason=reason)


def shares(
    *, canary_percent: int | None, linear_step_percent: int | None, trial_percent: int | None = None
) -> list[int]:
    """The shares of the traffic that a new version takes one after the other, in percent; 100 is the last.

    Args:
        canary_percent: the share that moves first; None: no canary.
        linear_step_percent: the share in each step; None: no steps.
        trial_percent: the share before all, where neither is given; None: all moves at once.
    """
    if canary_percent is not None:
        return [canary_percent, ALL]
    if linear_step_percent is not None:
        return [*range(linear_step_percent, ALL, linear_step_percent), ALL]
    return [ALL] if trial_percent is None else [trial_percent, ALL]


def described(traffic: Mapping[str, int]) -> str:
    """A split of traffic in words."""
    return ", ".join(f"{share} % to {key}" for key, share in traffic.items()) or "nothing to anybody"


def alerts_before(context: Context, open_alerts: OpenAlerts) -> dict[str, str]:
    """Alerts that are open before anything moves: told, and no reason to stop.

    Else a bad version could never be replaced.
    """
    known = open_alerts()
    if known:
        names = ", ".join(sorted(set(known.values())))
        context.log(f"The alert {names} is open already: it does not stop this change.", severity="warning")
    return known


def watch(
    context: Context,
    open_alerts: OpenAlerts,
    known: Mapping[str, str],
    wait_s: float,
    poll_s: float = _POLL_S,
) -> None:
    """Watch alerts for a time; where there are none, wait for it.

    Args:
        context: says when to stop.
        open_alerts: asks the cloud.
        known: alerts that were open before anything moved: they say nothing of the new version.
        wait_s: seconds; the state is looked at once in any case.
        poll_s: seconds between two looks.

    Raises:
        ResourceError: an alert was opened.
        Cancelled: the engine asked to stop.
    """
    deadline = time.monotonic() + wait_s
    while True:
        opened = [name for alert, name in open_alerts().items() if alert not in known]
        if opened:
            raise ResourceError(f"the alert {', '.join(opened)} was opened")
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return
        context.pause(min(left_s, poll_s))
