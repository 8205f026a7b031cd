"""A new version takes over an endpoint of this machine: beside the old one, traffic in steps, a way back.

The supervisor moves the traffic and takes a version back that crashes, or that nobody waits for any more;
the plan is here, with a look at alarms and health after each move.
"""

import signal
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider import rollout
from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.local.endpoint_process import ask, health_failure, living_state
from mlcloud.provider.local.files import read_json
from mlcloud.provider.local.mailbox import NotTakenError
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.serving import Deployment, EndpointFolder, EndpointState, Move, Settle
from mlcloud.provider.resource import Context

_POLL_S: Final = 0.25
# The monitor writes the file every second.
_STALE_S: Final = 15.0
# As on the clouds: what a client does wrong, or asks too much, is no fault of a version.
_TAKE_BACK: Final = frozenset({"server_error_percent", "latency_p99_ms"})
_BACK_LIMIT_S: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a new version takes over.

    Attributes:
        shares: of the traffic that it takes one after the other, in percent.
        wait_s: seconds that it is watched after each move, with the old version standing by.
        alarms: the monitor's alarms.json; None where nobody watches.
    """

    shares: tuple[int, ...]
    wait_s: float
    alarms: Path | None


class _Watch:
    """What is wrong with the candidate, as far as its alarms, health and supervisor tell."""

    def __init__(self, context: Context, folder: EndpointFolder, deployment: Deployment, plan: Plan) -> None:
        self._context = context
        self._folder = folder
        self._deployment = deployment
        self._alarms = plan.alarms
        self._has_warned = False
        # Alarms, by name, that the version before has as well.
        self._usual = frozenset[str]()

    def go_on(self, known: Mapping[str, str], wait_s: float) -> None:
        """Watch for so many seconds.

        Raises:
            ResourceError: something is wrong with the candidate.
            Cancelled: the engine asked to stop.
        """
        try:
            rollout.watch(self._context, self.problems, known, wait_s, poll_s=_POLL_S)
        except Cancelled:
            raise
        except ResourceError as error:
            reason = str(error).rstrip(".")
            raise ResourceError(f"Version {self._deployment.version} was taken back: {reason}.") from None

    def problems(self) -> dict[str, str]:
        """The alarms of this version that are on.

        Raises:
            ResourceError: it is not healthy, or the supervisor has taken it back, or has ended.
        """
        failure = self._health_failure()
        if failure is not None:
            # A server that has crashed is told by the supervisor, in better words.
            self._context.pause(_POLL_S)
            failure = self._health_failure()
        if failure is not None:
            raise ResourceError(f"it is not healthy: {failure}")
        return self.alarms()

    def _health_failure(self) -> str | None:
        state = living_state(self._folder)
        if state is None:
            raise ResourceError("the endpoint's supervisor has ended")
        if state.candidate != self._deployment.request_id:
            raise ResourceError(state.failure or "another update took its place")
        failures = (health_failure(server.private_port) for server in state.generations[-1].servers)
        return next((failure for failure in failures if failure is not None), None)

    def alarms_before(self) -> dict[str, str]:
        """Take note, before anything moves, of the alarms that are on already; those of an earlier try.

        What the version that serves has, too, as when all are saturated, is no fault of the new one: it is
        told, and stops nothing.
        """
        state = living_state(self._folder)
        serving = self._open("" if state is None else state.version)
        rollout.alerts_before(self._context, lambda: {name: text for name, (_, text) in serving.items()})
        self._usual = frozenset(serving)
        return self.alarms()

    def alarms(self) -> dict[str, str]:
        """The alarms of this version that the one before it did not have.

        Each deployment of a version is judged anew: an alarm of an earlier one has begun at another time.
        """
        found = self._open(self._deployment.version)
        return {f"{name}@{since}": text for name, (since, text) in found.items() if name not in self._usual}

    def _open(self, version: str) -> dict[str, tuple[object, str]]:
        """A version's alarms that take it back: since when, and in words; a warning where nobody watches."""
        if self._alarms is None:
            return {}
        content = read_json(self._alarms) or {}
        written = content.get("written")
        if not isinstance(written, int | float) or time.time() - written > _STALE_S:
            if not self._has_warned:
                self._context.log(
                    f"Nobody has written alarms to {self._alarms} for {_STALE_S:g} s: the new version is "
                    "judged by its health and its smoke prediction alone.",
                    severity="warning",
                )
            self._has_warned = True
            return {}
        found: dict[str, tuple[object, str]] = {}
        for alarm in cast(list[Mapping[str, Any]], content.get("alarms", [])):
            here: Mapping[str, Any] = alarm.get("versions", {}).get(version, {})
            if here.get("state") == "alarm" and alarm.get("metric") in _TAKE_BACK:
                name = str(alarm["name"])
                found[name] = here.get("since"), f"{name} ({_value(alarm, here)})"
        return found


def _value(alarm: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    unit = alarm.get("unit", "")
    return f"{here.get('value')} {unit}, allowed: {alarm.get('threshold')} {unit}"


def roll_out(
    context: Context, folder: EndpointFolder, deployment: Deployment, supervisor: ProcessRef, plan: Plan
) -> EndpointState:
    """Let another version take over behind the same port; one that fails leaves the old one serving.

    Raises:
        NotTakenError: the supervisor was ending, and has ended: nothing was begun.
        ResourceError: it did not take over, and has no traffic any more.
        Cancelled: the engine asked to stop: the traffic is as it was.
    """
    watch = _Watch(context, folder, deployment, plan)
    version, taken = deployment.version, False
    try:
        known = watch.alarms_before()
        context.log(f"Starting version {version}: health, then a smoke prediction.", ephemeral=True)
        state = ask(context, folder, deployment, supervisor)
        taken = True
        if state.candidate != deployment.request_id:
            return state
        for share in _possible(context, folder, deployment, plan):
            ask(context, folder, Move(request_id=_new_id(), percent=share), supervisor)
            context.log(f"{share} % of the traffic goes to version {version}.", ephemeral=True)
            watch.go_on(known, plan.wait_s)
        return ask(context, folder, Settle(request_id=_new_id()), supervisor)
    except BaseException as error:
        if isinstance(error, NotTakenError) and not taken:
            raise
        kept = _go_back(folder, supervisor)
        if isinstance(error, Cancelled):
            raise Cancelled(f"{error}{kept}") from None
        if isinstance(error, ResourceError):
            raise ResourceError(f"{error}{kept}") from None
        raise
    finally:
        folder.mailbox.stop_waiting()


def _possible(
    context: Context, folder: EndpointFolder, deployment: Deployment, plan: Plan
) -> tuple[int, ...]:
    """The shares of the plan; all at once where the new version has a port of its own."""
    state = living_state(folder)
    if len(plan.shares) == 1 or state is None or deployment.port in (0, state.port):
        return plan.shares
    context.log(
        f"The port changes from {state.port} to {deployment.port}: two ports share no traffic, so that it "
        "moves at once.",
        severity="warning",
    )
    return plan.shares[-1:]


def _go_back(folder: EndpointFolder, supervisor: ProcessRef) -> str:
    """Ask no longer, which ends the candidate; returns who serves, for people."""
    folder.mailbox.stop_waiting()
    supervisor.signal(signal.SIGHUP)
    deadline = time.monotonic() + _BACK_LIMIT_S
    while (now := living_state(folder)) is not None and now.candidate and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    if now is None:
        return "\nThe endpoint's supervisor has ended: the next update starts it again."
    if now.candidate:
        return f"\nIts supervisor does not answer; its log: {folder.supervisor_log}"
    return f"\nVersion {now.version} keeps serving." if now.ready else ""


def _new_id() -> str:
    return uuid.uuid4().hex
