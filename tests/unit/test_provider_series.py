"""What is counted second by second: looks at servers, restarts, windows, and quantiles of histograms."""

import bisect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.provider.local.series import KEPT_S, MEASURES, Point, Series, Servers, quantile
from mlcloud.provider.local.server_metrics import ServerMetrics
from mlcloud_trainer.serving.metrics import LATENCY_BUCKETS_S
from support.provider_monitors import ready_metrics, told

DURATIONS = st.lists(st.floats(min_value=0, max_value=60), min_size=1, max_size=300)
SHARES = st.floats(min_value=0, max_value=1)


def histogram(durations: list[float]) -> dict[float, int]:
    metrics = ready_metrics()
    for seconds in durations:
        metrics.observe("/invocations", 200, seconds)
    return dict(told(metrics).latency)


def bucket(seconds: float) -> tuple[float, float]:
    """The bounds of the bucket that a duration falls into."""
    index = bisect.bisect_left(LATENCY_BUCKETS_S, seconds)
    return (0.0, *LATENCY_BUCKETS_S)[index], LATENCY_BUCKETS_S[index]


@settings(max_examples=200, deadline=None)
@given(durations=DURATIONS, share=SHARES)
def test_a_quantile_lies_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    found = quantile(share, histogram(durations))
    assert found is not None
    true = sorted(durations)[max(0, math.ceil(share * len(durations)) - 1)]
    low, high = bucket(true)
    assert low - 1e-9 <= found <= high + 1e-9


@settings(max_examples=100, deadline=None)
@given(durations=DURATIONS, shares=st.tuples(SHARES, SHARES))
def test_a_larger_share_never_takes_less_time(durations: list[float], shares: tuple[float, float]) -> None:
    small, large = (quantile(share, histogram(durations)) for share in sorted(shares))
    assert small is not None
    assert large is not None
    assert small <= large + 1e-9


def test_a_quantile_is_linear_within_its_bucket_as_prometheus_estimates_it() -> None:
    # 10 in (0.1, 0.25]: the median is the fifth of ten, in the middle.
    assert quantile(0.5, {0.1: 0, 0.25: 10, 0.5: 0}) == pytest.approx(0.175)
    assert quantile(0.99, {0.1: 90, 0.25: 10}) == pytest.approx(0.235)


def test_what_exceeds_the_last_bound_is_told_as_that_bound() -> None:
    assert quantile(0.99, {10.0: 0, 60.0: 1, math.inf: 99}) == 60.0


@pytest.mark.parametrize("buckets", [{}, {0.1: 0, math.inf: 0}])
def test_nothing_counted_has_no_quantile(buckets: dict[float, int]) -> None:
    assert quantile(0.5, buckets) is None


def test_probes_are_no_requests_of_users() -> None:
    metrics = ready_metrics()
    for route, status in (("/ping", 503), ("/metrics", 200), ("/v2/models/m/ready", 503), ("other", 404)):
        metrics.observe(route, status, 0.2)
    metrics.observe("/invocations", 500, 0.2)
    found = told(metrics)
    assert (found.requests, found.client_errors, found.server_errors) == (2, 1, 1)
    assert sum(found.latency.values()) == 2


def test_the_look_itself_is_not_in_flight() -> None:
    metrics = ready_metrics(capacity=65)
    metrics.in_flight = 3
    assert (told(metrics).in_flight, told(metrics).capacity) == (3, 65)


@pytest.mark.parametrize("text", ["", "{}", "<html>", 'mlcloud_ready 1\nmlcloud_requests_total{route="/"} 3'])
def test_what_is_not_of_our_server_tells_nothing(text: str) -> None:
    assert ServerMetrics.of(text) is None


def test_a_server_that_was_there_before_is_counted_from_the_first_look_on() -> None:
    servers, metrics = Servers(began=100.0), ready_metrics()
    for _ in range(1000):
        metrics.observe("/invocations", 500, 0.1)
    servers.look("old", 50.0, told(metrics), at=1.0)
    assert servers.point(["old"], 1.0).requests == 0
    servers.counted(["old"])
    metrics.observe("/invocations", 200, 0.1)
    servers.look("old", 50.0, told(metrics), at=2.0)
    point = servers.point(["old"], 2.0)
    assert (point.requests, point.server_errors, sum(point.latency.values())) == (1, 0, 1)


def test_a_server_that_began_later_is_counted_from_its_first_request_on() -> None:
    servers, metrics = Servers(began=100.0), ready_metrics()
    metrics.observe("/invocations", 200, 0.1)
    servers.look("new", 101.0, told(metrics), at=1.0)
    assert servers.point(["new"], 1.0).requests == 1


def test_a_restarted_server_never_counts_backwards() -> None:
    """Two processes in turn at the same place: neither's counters are taken off the other's."""
    servers, first, second = Servers(began=0.0), ready_metrics(), ready_metrics()
    for _ in range(50):
        first.observe("/invocations", 200, 0.1)
    servers.look("first", 1.0, told(first), at=1.0)
    servers.counted(["first"])
    second.observe("/invocations", 500, 0.1)
    servers.look("second", 2.0, told(second), at=2.0)
    point = servers.point(["second"], 2.0)
    assert (point.requests, point.server_errors) == (1, 1)


def test_counters_that_begin_anew_in_the_same_process_are_counted_from_0() -> None:
    servers, before, after = Servers(began=0.0), ready_metrics(), ready_metrics()
    for _ in range(50):
        before.observe("/invocations", 200, 0.1)
    after.observe("/invocations", 200, 0.1)
    servers.look("one", 1.0, told(before), at=1.0)
    servers.counted(["one"])
    servers.look("one", 1.0, told(after), at=2.0)
    assert servers.point(["one"], 2.0).requests == 1


def test_a_server_that_missed_a_look_is_heard_at_the_next() -> None:
    servers, metrics = Servers(began=0.0), ready_metrics()
    servers.look("one", 1.0, told(metrics), at=1.0)
    servers.counted(["one"])
    metrics.observe("/invocations", 200, 0.1)
    assert servers.point(["one"], 2.0).requests == 0
    servers.counted(["one"])
    metrics.observe("/invocations", 200, 0.1)
    servers.look("one", 1.0, told(metrics), at=3.0)
    assert servers.point(["one"], 3.0).requests == 2


def test_a_server_that_is_silent_for_long_says_nothing_of_how_busy_it_is() -> None:
    servers, metrics = Servers(began=0.0), ready_metrics()
    metrics.in_flight = 5
    servers.look("one", 1.0, told(metrics), at=1.0)
    assert servers.point(["one"], 5.0).in_flight == 5
    assert servers.point(["one"], 60.0).in_flight is None


def test_servers_that_have_ended_are_forgotten() -> None:
    servers, metrics = Servers(began=0.0), ready_metrics()
    for number in range(1000):
        servers.look(str(number), 1.0, told(metrics), at=float(number))
        servers.counted([str(number)])
    assert servers.latest("998", 999.0) is None
    assert servers.latest("999", 999.0) is not None


def test_a_series_keeps_as_many_points_as_anybody_looks_back() -> None:
    series = Series()
    for second in range(5000):
        series.add(Point(at=float(second), requests=1))
    assert len(series.last(1e9, 4999.0)) == KEPT_S
    assert len(series.last(60.0, 4999.0)) == 60


def test_saturation_is_an_average_and_needs_to_know_the_capacity() -> None:
    measure = MEASURES["saturation_percent"].of
    assert measure is not None
    points = [Point(at=1, in_flight=10, capacity=10), Point(at=2, in_flight=0, capacity=10)]
    assert measure(points) == 50
    assert measure([Point(at=1, in_flight=3)]) is None
    assert measure([]) is None


def test_servers_that_answer_one_request_at_a_time_are_full_when_they_do_nothing_else() -> None:
    measure = MEASURES["saturation_percent"].of
    assert measure is not None
    idle = {"in_flight": 0, "capacity": 64, "servers": 2}
    points = [Point(at=at, busy_s=busy_s, **idle) for at, busy_s in ((0, 9.0), (1, 1.5), (2, 0.5))]
    assert measure(points) == 50
    lumps = [Point(at=0, **idle), Point(at=1, busy_s=30.0, **idle)]
    assert measure(lumps) == 100
    assert measure([Point(at=1, busy_s=1.0, servers=2)]) is None
