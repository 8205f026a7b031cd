"""From what servers say to how alarms stand: all that a monitor knows, and no file, socket or clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from mlcloud.provider.local.alarm_history import Change
from mlcloud.provider.local.alarms import Condition, Rule, State, described, judge
from mlcloud.provider.local.monitor_sources import Endpoint
from mlcloud.provider.local.series import KEPT_S, MEASURES, Point, Series, Servers, requests_in
from mlcloud.provider.local.server_metrics import ServerMetrics

# Versions that have no servers any more are watched for as long as the charts go back, the latest of them.
_MOST_VERSIONS: Final = 8
_HOUR_S: Final = 3600.0


@dataclass(kw_only=True)
class Traffic:
    """What was seen of a version, or of all.

    Attributes:
        began: since when it is watched, in monotonic seconds.
        series: the last 15 minutes.
        requests: requests answered since.
        errors: of these, those that failed by the server's fault.
        busy: when the last request was answered, or watching began, in monotonic seconds.
        seen: when there were servers last, in monotonic seconds.
        deployment: of a version, which deployment of it the series is about; there may be several.
    """

    began: float
    busy: float
    seen: float
    deployment: str = ""
    series: Series = field(default_factory=Series)
    requests: int = 0
    errors: int = 0

    def add(self, point: Point, judged: Point | None = None) -> None:
        """Take a point.

        Args:
            point: what was counted.
            judged: what of it is judged; None: all of it.
        """
        self.series.add(point if judged is None else judged)
        self.requests += point.requests
        self.errors += point.server_errors
        self.seen = point.at
        if point.requests:
            self.busy = point.at


class Watch:
    """Watches an endpoint by rules.

    Args:
        now: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(self, now: float, wall: float) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._servers = Servers(wall)
        self._conditions: dict[str, Condition] = {}
        self._by_version: dict[str, dict[str, Condition]] = {}
        self._restored: Mapping[str, Mapping[str, Any]] = {}
        self._restored_at = wall
        self._now = now
        self.whole: Traffic | None = None
        """What was seen of the endpoint; None before there is one."""
        self.versions: dict[str, Traffic] = {}
        """What was seen of each version, by label."""

    def restore(self, content: Mapping[str, Any] | None) -> None:
        """Go on where a monitor before this one has ended: open alarms stay open, and are told once.

        Args:
            content: the file that it has left; None where there is none.
        """
        try:
            found = cast("list[Mapping[str, Any]]", [] if content is None else content["alarms"])
            self._restored = {str(alarm["name"]): alarm for alarm in found}
            self._restored_at = float(content["written"]) if content is not None else self._restored_at
        except (KeyError, TypeError, ValueError):
            self._restored = {}

    def configure(self, rules: Sequence[Rule]) -> None:
        """Watch by these rules from now on; those that are still the same stand as they did."""
        self._rules = tuple(rules)
        names = {rule.name for rule in rules}
        self._conditions = {name: one for name, one in self._conditions.items() if name in names}
        for conditions in self._by_version.values():
            for name in set(conditions) - names:
                del conditions[name]

    def latest(self, server: str) -> ServerMetrics | None:
        """What a server said last, where that was lately."""
        return self._servers.latest(server, self._now)

    def look(
        self,
        endpoint: Endpoint | None,
        answers: Mapping[str, ServerMetrics],
        failed_runs: int | None,
        *,
        now: float,
        wall: float,
    ) -> list[Change]:
        """Take what there is to see, and judge it.

        Args:
            endpoint: the endpoint; None where there is none.
            answers: what servers said since the last call, by the server's name.
            failed_runs: how many training runs have failed in a row; None where there are no runs.
            now: monotonic seconds.
            wall: Unix seconds.

        Returns:
            The alarms that have opened or closed.
        """
        self._now = now
        if endpoint is not None:
            self._count(endpoint, answers, now=now, wall=wall)
        self._forget(now)
        return self._judge(failed_runs, now=now, wall=wall)

    def alarms(self) -> list[dict[str, Any]]:
        """How the alarms stand, as others read it."""
        return [
            described(
                rule,
                self._conditions[rule.name],
                {
                    label: conditions[rule.name]
                    for label, conditions in self._by_version.items()
                    if rule.name in conditions
                },
            )
            for rule in self._rules
            if rule.name in self._conditions
        ]

    def _count(
        self, endpoint: Endpoint, answers: Mapping[str, ServerMetrics], *, now: float, wall: float
    ) -> None:
        # By label, and by deployment in it, the oldest first.
        names: dict[str, dict[str, list[str]]] = {}
        for generation in endpoint.generations:
            mine = names.setdefault(generation.label, {}).setdefault(generation.log, [])
            for server in generation.servers:
                mine.append(server.name)
                if server.name in answers:
                    self._servers.look(server.name, server.began, answers[server.name], now)
        every = [name for deployments in names.values() for mine in deployments.values() for name in mine]
        if self.whole is None:
            busy = self._restored_quiet(now, wall)
            self.whole = Traffic(began=now, busy=busy, seen=now)
        self.whole.add(self._servers.point(every, now))
        for label, deployments in names.items():
            newest = next(reversed(deployments))
            all_of_it = [name for mine in deployments.values() for name in mine]
            self._version(label, newest, now).add(
                self._servers.point(all_of_it, now), self._servers.point(deployments[newest], now)
            )
        self._servers.counted(every)

    def _version(self, label: str, deployment: str, now: float) -> Traffic:
        """What was seen of a version; one that is deployed again is judged anew, by its own requests."""
        version = self.versions.setdefault(label, Traffic(began=now, busy=now, seen=now))
        if version.deployment != deployment:
            version.deployment, version.series, version.busy = deployment, Series(), now
            self._by_version.pop(label, None)
        return version

    def _restored_quiet(self, now: float, wall: float) -> float:
        """When a request was answered last, as far as a monitor before this one knew."""
        for alarm in self._restored.values():
            value = alarm.get("value")
            if alarm.get("metric") == "quiet_hours" and isinstance(value, int | float):
                return now - value * _HOUR_S - max(0.0, wall - self._restored_at)
        return now

    def _forget(self, now: float) -> None:
        """Keep the versions that have servers, and the latest of the others for as long as charts go back."""
        kept = sorted(self.versions.items(), key=lambda item: item[1].seen, reverse=True)
        self.versions = {
            label: version
            for index, (label, version) in enumerate(kept)
            if version.seen == now or (index < _MOST_VERSIONS and version.seen > now - KEPT_S)
        }
        self._by_version = {
            label: found for label, found in self._by_version.items() if label in self.versions
        }

    def _judge(self, failed_runs: int | None, *, now: float, wall: float) -> list[Change]:
        changes: list[Change] = []
        for rule in self._rules:
            if rule.metric == "failed_training_runs":
                value = None if failed_runs is None else float(failed_runs)
            else:
                value = None if self.whole is None else _value(rule, self.whole, now)
                for label, version in self.versions.items():
                    conditions = self._by_version.setdefault(label, {})
                    known = conditions.get(rule.name) or Condition.first(now, wall)
                    conditions[rule.name] = judge(rule, known, _value(rule, version, now), now=now, wall=wall)
            before = self._conditions.get(rule.name) or self._first(rule, now, wall)
            after = judge(rule, before, value, now=now, wall=wall)
            self._conditions[rule.name] = after
            # That requests come and go is no news.
            if after.state != before.state and "alarm" in (before.state, after.state):
                changes.append(
                    Change(at=wall, name=rule.name, before=before.state, after=after.state, value=after.value)
                )
        return changes

    def _first(self, rule: Rule, now: float, wall: float) -> Condition:
        found = self._restored.get(rule.name)
        if found is None or found.get("metric") != rule.metric or found.get("state") not in ("ok", "alarm"):
            return Condition.first(now, wall)
        since = found.get("since")
        return Condition.first(
            now, float(since) if isinstance(since, int | float) else wall, cast(State, found["state"])
        )


def _value(rule: Rule, traffic: Traffic, now: float) -> float | None:
    """What a rule measures of some traffic now."""
    measure = MEASURES[rule.metric]
    if measure.of is None:
        return (now - traffic.busy) / _HOUR_S
    points = traffic.series.last(rule.period_s, now)
    if measure.by_request and requests_in(points) < rule.least_requests:
        return None
    return measure.of(points)
