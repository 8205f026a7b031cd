"""Each alarm, second by second on a fake clock: it opens, stays shut just below, closes, knows no data."""

import dataclasses
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from mlcloud.local.metrics import METRICS
from mlcloud.local.watches import InstanceWatch
from mlcloud.provider.local.alarms import Condition, Rule, judge
from mlcloud.provider.local.monitor_sources import Run, failed_runs
from mlcloud.provider.local.series import MEASURES
from mlcloud_trainer.serving.metrics import Metrics
from support.provider_monitors import Watching

Second = Callable[[Metrics], None]


def rules(**watch: Any) -> list[Rule]:
    """Those of a stack; of five minutes, one is enough here."""
    found = [alarm.rule for alarm in InstanceWatch(**watch).alarms]
    return [dataclasses.replace(rule, period_s=min(60, rule.period_s)) for rule in found]


def answered(status: int = 200, seconds: float = 0.01, count: int = 1) -> Second:
    def second(metrics: Metrics) -> None:
        for _ in range(count):
            metrics.observe("/invocations", status, seconds)

    return second


def mixed(*parts: Second) -> Second:
    def second(metrics: Metrics) -> None:
        for part in parts:
            part(metrics)

    return second


def busy(in_flight: int) -> Second:
    def second(metrics: Metrics) -> None:
        metrics.in_flight = in_flight

    return second


def pass_time(watching: Watching, metrics: Metrics, second: Second, seconds: int) -> None:
    for _ in range(seconds):
        second(metrics)
        watching.step()


PERIOD_AND_HOLD_S = 75
# alarm: what opens it, and what is just below
CASES: dict[str, tuple[Second, Second]] = {
    "server-errors": (
        mixed(answered(count=98), answered(500, count=2)),
        mixed(answered(count=99), answered(500, count=1)),
    ),
    "client-errors": (
        mixed(answered(count=79), answered(400, count=21)),
        mixed(answered(count=80), answered(400, count=20)),
    ),
    "latency-p99": (
        mixed(answered(count=98), answered(seconds=2, count=2)),
        answered(seconds=1, count=100),
    ),
    "latency-p50": (
        mixed(answered(count=49), answered(seconds=0.7, count=51)),
        mixed(answered(seconds=0.4, count=52), answered(seconds=0.7, count=48)),
    ),
    "saturation": (busy(9), busy(8)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_opens_and_closes_again(name: str) -> None:
    wrong, _ = CASES[name]
    watching = Watching(rules())
    metrics = watching.server()
    pass_time(watching, metrics, wrong, PERIOD_AND_HOLD_S)
    assert watching.state(name) == watching.state(name, "v1") == "alarm"
    metrics.in_flight = 0
    pass_time(watching, metrics, answered(count=10), PERIOD_AND_HOLD_S)
    assert watching.state(name) == watching.state(name, "v1") == "ok"
    changes = [(change.before, change.after) for change in watching.changes if change.name == name]
    assert [after for _, after in changes] == ["alarm", "ok"]


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_stays_shut_just_below_its_limit(name: str) -> None:
    _, right = CASES[name]
    watching = Watching(rules())
    pass_time(watching, watching.server(), right, 2 * PERIOD_AND_HOLD_S)
    assert watching.state(name) == watching.state(name, "v1") == "ok"
    assert watching.alarm(name)["value"] == pytest.approx(watching.alarm(name)["threshold"], rel=0.1)
    assert not [change for change in watching.changes if change.name == name]


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_without_data_says_so(name: str) -> None:
    watching = Watching(rules())
    watching.is_there = False
    watching.step(400)
    assert (watching.state(name), watching.alarm(name)["value"]) == ("no-data", None)
    assert watching.changes == []


@pytest.mark.parametrize("name", [name for name in CASES if name != "saturation"])
def test_traffic_that_ends_leaves_no_alarm_open(name: str) -> None:
    wrong, _ = CASES[name]
    watching = Watching(rules())
    pass_time(watching, watching.server(), wrong, PERIOD_AND_HOLD_S)
    assert watching.state(name) == "alarm"
    watching.step(PERIOD_AND_HOLD_S + 1)
    assert watching.state(name) == "no-data"


@pytest.mark.parametrize("name", [name for name in CASES if name != "saturation"])
def test_a_few_requests_are_no_ground_for_an_alarm(name: str) -> None:
    watching = Watching(rules())
    metrics = watching.server()
    for _ in range(9):
        metrics.observe("/invocations", 500 if name == "server-errors" else 400, 3.0)
    watching.step(PERIOD_AND_HOLD_S)
    assert watching.state(name) == "no-data"


def test_trouble_that_passes_soon_opens_nothing() -> None:
    watching = Watching([Rule(name="errors", metric="server_error_percent", threshold=1, period_s=5)])
    metrics = watching.server()
    for _ in range(10):
        pass_time(watching, metrics, answered(500, count=10), 5)
        pass_time(watching, metrics, answered(count=10_000), 5)
    assert watching.changes == []


def test_a_value_that_swings_around_the_limit_opens_an_alarm_once() -> None:
    rule = Rule(name="errors", metric="server_error_percent", threshold=1, hold_s=10)
    condition, states = Condition.first(0, 0), list[str]()
    for second in range(1, 200):
        value = 5.0 if second < 20 or second % 7 else 0.0
        condition = judge(rule, condition, value, now=second, wall=second)
        states.append(condition.state)
    assert states.index("alarm") == 10
    assert set(states[10:]) == {"alarm"}
    assert condition.since == 11


def test_an_alarm_is_as_old_as_its_state_whatever_its_value() -> None:
    rule = Rule(name="errors", metric="server_error_percent", threshold=1, hold_s=0)
    condition = judge(rule, Condition.first(0, 0), 5.0, now=1, wall=101)
    later = judge(rule, condition, 7.0, now=2, wall=102)
    assert (later.state, later.value, later.since) == ("alarm", 7.0, 101)


def test_below_is_the_other_side_of_the_limit() -> None:
    rule = Rule(name="rate", metric="saturation_percent", threshold=5, comparison="below")
    assert [rule.state_of(value) for value in (4.9, 5.0, 5.1, None)] == ["alarm", "ok", "ok", "no-data"]


def test_no_traffic_is_watched_where_it_is_asked_for() -> None:
    assert "no-traffic" not in [rule.name for rule in rules()]
    watching = Watching(rules(quiet_hours=1))
    metrics = watching.server()
    pass_time(watching, metrics, answered(), 1)
    watching.step(3600)
    assert watching.state("no-traffic") == "ok"
    watching.step(1)
    assert watching.state("no-traffic") == "alarm"
    pass_time(watching, metrics, answered(), 1)
    assert watching.state("no-traffic") == "ok"
    assert [change.after for change in watching.changes if change.name == "no-traffic"] == ["alarm", "ok"]


def test_no_traffic_is_no_matter_before_there_is_an_endpoint() -> None:
    watching = Watching(rules(quiet_hours=1))
    watching.is_there = False
    watching.step(4000)
    assert watching.state("no-traffic") == "no-data"


def test_failed_training_is_told_at_once_and_until_a_run_has_succeeded() -> None:
    watching = Watching(rules())
    watching.is_there = False
    for failed, state in ((None, "no-data"), (0, "ok"), (1, "alarm"), (2, "alarm"), (0, "ok")):
        watching.failed_runs = failed
        watching.step()
        assert watching.state("failed-training") == state
    assert watching.alarm("failed-training")["versions"] == {}


def test_failed_runs_are_those_since_the_last_that_succeeded() -> None:
    def run(status: str, started_at: float) -> Run:
        return Run(name=f"r{started_at}", status=status, started_at=started_at, sha256="")

    assert failed_runs([]) is None
    assert failed_runs([run("failed", 1), run("published", 2), run("running", 3)]) == 0
    assert failed_runs([run("finished", 1), run("failed", 2), run("failed", 3)]) == 2
    assert failed_runs([run("running", 1)]) == 0


def test_a_bad_version_is_told_apart_from_a_good_one() -> None:
    """In a canary's first step its errors are few of all, and many of its own."""
    watching = Watching(rules(error_percent=10))
    old, new = watching.server("old", "a"), watching.server("new", "b")
    for _ in range(75):
        answered(count=95)(old)
        answered(500, count=5)(new)
        watching.step()
    assert watching.state("server-errors") == "ok"
    assert watching.state("server-errors", "old") == "ok"
    assert watching.state("server-errors", "new") == "alarm"


def test_a_version_that_is_deployed_again_is_judged_anew_and_by_its_own_requests() -> None:
    """An alarm of the earlier deployment says nothing of this one, and does not hide that it is bad, too."""
    watching = Watching(rules())
    pass_time(watching, watching.server(), answered(500, count=10), PERIOD_AND_HOLD_S)
    before = watching.alarm("server-errors")["versions"]["v1"]
    assert before["state"] == "alarm"

    watching.servers.clear()
    watching.deployed["v1"] = 2
    metrics = watching.server("v1", "b")
    watching.step()
    assert watching.state("server-errors", "v1") == "no-data"
    pass_time(watching, metrics, answered(500, count=10), 20)
    again = watching.alarm("server-errors")["versions"]["v1"]
    assert again["state"] == "alarm"
    assert again["since"] > before["since"]
    assert watching.watch.versions["v1"].requests == 10 * (PERIOD_AND_HOLD_S + 20)


def test_servers_that_restart_again_and_again_open_no_alarm() -> None:
    watching = Watching(rules())
    for number in range(100):
        watching.servers.clear()
        metrics = watching.server("v1", f"s{number}")
        pass_time(watching, metrics, answered(count=3), 2)
    assert watching.changes == []
    assert watching.watch.versions["v1"].requests == 600


def test_a_silent_server_does_not_hide_what_the_others_say() -> None:
    watching = Watching(rules())
    watching.server("v1", "dead")
    metrics = watching.server("v1", "alive")
    watching.silent = {"1@dead"[2:]}
    pass_time(watching, metrics, answered(500), 75)
    assert watching.state("server-errors") == "alarm"


def test_versions_come_and_go_and_few_are_remembered() -> None:
    watching = Watching(rules())
    for number in range(200):
        watching.servers.clear()
        watching.server(f"v{number}", f"s{number}")
        watching.step(2)
    assert len(watching.watch.versions) == 8
    assert len(watching.alarm("server-errors")["versions"]) == 8
    watching.servers.clear()
    watching.step(901)
    assert watching.watch.versions == {}


def test_a_watch_that_goes_on_for_long_takes_no_more_memory() -> None:
    watching = Watching([])
    second = mixed(answered(), answered(500), answered(seconds=2))

    def restart(steps: int) -> None:
        for number in range(steps):
            watching.servers.clear()
            pass_time(watching, watching.server("v1", f"{watching.now}-{number}"), second, 10)
        watching.changes.clear()

    tracemalloc.start()
    try:
        restart(100)  # more than a watch remembers
        before = tracemalloc.get_traced_memory()[0]
        restart(50)
        assert tracemalloc.get_traced_memory()[0] < 1.1 * before
    finally:
        tracemalloc.stop()


def test_an_open_alarm_outlives_the_monitor_and_is_told_once() -> None:
    before = Watching(rules())
    pass_time(before, before.server(), answered(500, count=10), 75)
    content = {"written": 1_700_000_000.0 + before.now, "alarms": before.watch.alarms()}
    after = Watching([])
    after.watch.restore(content)
    after.watch.configure(rules())
    pass_time(after, after.server(), answered(500, count=10), 75)
    assert after.state("server-errors") == "alarm"
    assert after.alarm("server-errors")["since"] == before.alarm("server-errors")["since"]
    assert after.changes == []


def test_quiet_hours_outlive_the_monitor() -> None:
    alarm = {"name": "no-traffic", "metric": "quiet_hours", "state": "ok", "value": 1.5, "since": 1.0}
    watching = Watching(rules(quiet_hours=2))
    watching.watch.restore({"written": 1_700_000_000.0 - 1700, "alarms": [alarm]})
    watching.server()
    watching.step(1)
    assert watching.state("no-traffic") == "ok"
    watching.step(200)
    assert watching.state("no-traffic") == "alarm"


@pytest.mark.parametrize(
    "content", [None, {}, {"alarms": 3, "written": 1}, {"alarms": [{"a": 1}], "written": 1}]
)
def test_what_another_version_has_left_is_no_matter(content: dict[str, Any] | None) -> None:
    watching = Watching(rules())
    watching.watch.restore(content)
    watching.server()
    watching.step(1)
    assert watching.state("server-errors") == "no-data"


def test_a_changed_threshold_holds_from_the_next_second_on_and_others_go_on() -> None:
    watching = Watching(rules())
    pass_time(watching, watching.server(), mixed(answered(count=95), answered(500, count=5)), 75)
    opened = watching.alarm("server-errors")["since"]
    watching.watch.configure(rules(error_percent=50, latency_p99_ms=5))
    watching.step(1)
    assert watching.state("server-errors") == "alarm"
    assert watching.alarm("server-errors")["since"] == opened
    watching.step(15)
    assert watching.state("server-errors") == "ok"
    watching.watch.configure([])
    watching.step(1)
    assert watching.watch.alarms() == []


def test_the_table_of_metrics_is_what_the_monitor_measures() -> None:
    assert [metric.name for metric in METRICS] == list(MEASURES)
    assert {metric.unit for metric in METRICS} == {"percent", "ms", "hours", "runs"}


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ({"name": "No Name"}, "name"),
        ({"metric": "cpu"}, "metric"),
        ({"threshold": float("nan")}, "threshold"),
        ({"comparison": ">"}, "comparison"),
        ({"period_s": 0.5}, "period_s"),
        ({"period_s": 901.0}, "period_s"),
        ({"hold_s": -1.0}, "hold_s"),
        ({"least_requests": -1}, "least_requests"),
        ({"description": "x" * 2001}, "description"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(change: dict[str, Any], attribute: str) -> None:
    right = Rule(name="errors", metric="server_error_percent", threshold=1)
    assert list(right.problems()) == []
    assert [found for found, _ in dataclasses.replace(right, **change).problems()] == [attribute]
