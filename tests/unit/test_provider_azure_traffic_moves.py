"""A new deployment takes over an online endpoint, or gets nothing: at each step, cancelled, killed."""

import hashlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_azure_cloud as azure
from support.provider_azure_answers import RefusedCall
from support.provider_azure_resources import TRAFFIC, in_background
from support.provider_azure_traffic import Place, make_place
from support.provider_plugin import LIMIT_S, Plugin, RefusedError
from support.provider_plugin import running as running_plugin

PUT = "online_endpoints_create_or_update"
ASK = "score_predict"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Cloud]:
    with azure.running(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: azure.Cloud) -> Iterator[Plugin]:
    yield from running_plugin()


@pytest.fixture
def place(cloud: azure.Cloud, request: pytest.FixtureRequest) -> Place:
    """An endpoint with two colours, of this test's own."""
    return make_place(cloud, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


@pytest.mark.parametrize(
    ("given", "shares"),
    [
        ({}, []),
        ({"canaryPercent": 10}, [10]),
        ({"linearStepPercent": 25}, [25, 50, 75]),
        ({"linearStepPercent": 40}, [40, 80]),
    ],
    ids=["all at once", "canary", "linear", "linear that does not come out even"],
)
def test_traffic_moves_as_declared_and_the_new_one_is_asked_before_it_gets_any(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, given: dict[str, Any], shares: list[int]
) -> None:
    traffic = place.served(plugin, **given)
    start, asked = len(cloud.requests), len(cloud.endpoints.asked)
    outputs = traffic.update(place.inputs(2, **given))
    steps = [{"green": share, "blue": 100 - share} for share in shares]
    assert place.splits() == [{"blue": 100}, *steps, {"green": 100}]
    # Once before all, and after each move.
    moving = [item for item in cloud.changes(start) if item == PUT]
    order = [item.method for item in cloud.requests[start:] if item.method in (PUT, ASK)]
    assert order == [ASK, *[PUT, ASK] * len(moving)]
    assert len(moving) == len(shares) + 1
    assert set(cloud.endpoints.asked[asked:]) == {"green"}
    assert (outputs["deployment"], outputs["traffic"]) == ("green", {"green": 100})
    assert traffic.kinds(place.inputs(2, **given)) == {}
    start = len(cloud.requests)
    assert traffic.update(place.inputs(2, **given)) == outputs
    assert cloud.changes(start) == []


def test_live_traffic_is_mirrored_first_while_the_old_one_answers(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    given = {"canaryPercent": 10, "mirrorPercent": 30}
    traffic = place.served(plugin, **given)
    assert place.mirrors() == []
    traffic.update(place.inputs(2, **given))
    assert place.mirrors() == [{"green": 30}, {}]
    assert place.splits() == [{"blue": 100}, {"green": 10, "blue": 90}, {"green": 100}]


def test_going_back_to_an_earlier_deployment_works_like_any_change(plugin: Plugin, place: Place) -> None:
    traffic = place.served(plugin)
    first = traffic.outputs
    traffic.update(place.inputs(2))
    assert traffic.update(place.inputs(1)) == first
    assert place.traffic() == {"blue": 100}


def wrong_answer(place: Place) -> None:
    place.answer(2, "class 1")


def no_answer(place: Place) -> None:
    place.answer(2, RefusedCall(424, "ModelError", "The container crashed."))


def failed_deployment(place: Place) -> None:
    path = f"{place.path}/deployments/green"
    place.cloud.endpoints.deployments[path]["properties"]["provisioningState"] = "Failed"


def failed_move(place: Place) -> None:
    place.cloud.endpoints.move_failure = "The gateway could not be changed."


def refused_move(place: Place) -> None:
    place.cloud.refuse(PUT, 403, "onlineEndpoints/write is missing")


def alert_while_it_mirrors(place: Place) -> None:
    place.cloud.watching.fire_later(place.rule, calls=2)


def alert_at_the_first_share(place: Place) -> None:
    place.cloud.watching.fire_later(place.rule, calls=3)


def alert_at_the_end(place: Place) -> None:
    place.cloud.watching.fire_later(place.rule, calls=4)


FAILURES: list[tuple[Callable[[Place], None], str]] = [
    (failed_deployment, "its deployment is Failed"),
    (wrong_answer, 'predicts "class 1" for a known row, where training gave "class 2"'),
    (no_answer, "The container crashed"),
    (failed_move, "failed: The gateway could not be changed"),
    (refused_move, "onlineEndpoints/write is missing"),
    (alert_while_it_mirrors, "-slow was opened"),
    (alert_at_the_first_share, "-slow was opened"),
    (alert_at_the_end, "-slow was opened"),
]


@pytest.mark.parametrize(("fail", "words"), FAILURES, ids=[fail.__name__ for fail, _ in FAILURES])
def test_a_failure_gives_the_traffic_back_and_the_next_update_succeeds(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, fail: Callable[[Place], None], words: str
) -> None:
    more = {"canaryPercent": 10, "mirrorPercent": 30, "alertRules": [place.rule]}
    traffic = place.served(plugin, **more)
    before = traffic.outputs
    fail(place)
    with pytest.raises(RefusedError, match=words) as refused:
        # Whoever does not answer is waited for: not for long here.
        traffic.update(place.inputs(2, **more, **({"smokeTimeoutS": 1} if fail is no_answer else {})))
    assert "blue keeps serving; the new one has no traffic" in refused.value.message
    assert "az ml online-deployment get-logs --name green" in refused.value.message
    assert refused.value.init_failure is None
    properties = cloud.endpoints.all[place.path]["properties"]
    assert (properties["traffic"], properties["mirrorTraffic"]) == ({"blue": 100}, {})
    assert all(split.get("blue", 0) + split.get("green", 0) == 100 for split in place.splits())
    if fail is alert_while_it_mirrors:
        assert all("green" not in split for split in place.splits())
    assert traffic.read() == before

    place.answer(2, "class 2")
    cloud.watching.alerts.clear()
    path = f"{place.path}/deployments/green"
    cloud.endpoints.deployments[path]["properties"]["provisioningState"] = "Succeeded"
    assert traffic.update(place.inputs(2, **more))["traffic"] == {"green": 100}


@pytest.mark.parametrize(("fail", "words"), [FAILURES[0], FAILURES[1]], ids=["failed", "wrong"])
def test_a_new_one_that_fails_before_it_has_traffic_is_never_written_to_the_endpoint(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, fail: Callable[[Place], None], words: str
) -> None:
    traffic = place.served(plugin)
    fail(place)
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match=words):
        traffic.update(place.inputs(2))
    assert PUT not in cloud.changes(start)


def test_a_first_deployment_that_answers_wrongly_gets_no_traffic(plugin: Plugin, place: Place) -> None:
    place.answer(1, "nonsense")
    with pytest.raises(RefusedError, match=r'predicts "nonsense".*Nothing served before'):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert place.traffic() == {}


def test_an_endpoint_that_lost_its_traffic_serves_with_the_old_one_until_the_new_one_is_proven(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.set_traffic(place.path, {})
    place.answer(2, "class 1")
    with pytest.raises(RefusedError, match="blue keeps serving"):
        traffic.update(place.inputs(2))
    assert place.traffic() == {"blue": 100}


def test_an_alert_that_had_fired_before_is_told_and_does_not_stop_a_change(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.watching.fire(place.rule)
    cloud.watching.fire(place.rule, "Resolved")
    cloud.watching.fire(place.rule.replace("-slow", "-other"))
    traffic.update(place.inputs(2, alertRules=[place.rule]))
    plugin.engine.wait_for(f"The alert {place.name}-slow is open already")
    cloud.watching.alerts.clear()


def test_alerts_are_watched_for_the_time_between_two_moves(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"canaryPercent": 10, "waitS": 0.5, "alertRules": [place.rule]}
    traffic = place.served(plugin, **more)
    start = cloud.count("alerts_list")
    traffic.update(place.inputs(2, **more))
    # Before all, and at the beginning and end of both waits.
    assert cloud.count("alerts_list") - start >= 5


@pytest.mark.parametrize("is_loose", [False, True], ids=["asked for", "told too much"])
def test_only_a_fired_alert_of_a_named_rule_stops_a_move(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, is_loose: bool
) -> None:
    logs = place.rule.replace("metricAlerts", "scheduledQueryRules").replace("-slow", "-errors")
    more = {"canaryPercent": 10, "alertRules": [place.rule, logs]}
    traffic = place.served(plugin, **more)
    cloud.watching.is_loose = is_loose
    try:
        cloud.watching.fire_later(f"{place.rule}-other", calls=3)
        cloud.watching.fire_later(place.rule.replace("metricAlerts", "activityLogAlerts"), calls=3)
        assert traffic.update(place.inputs(2, **more))["traffic"] == {"green": 100}
        asked = cloud.last("alerts_list").query
        assert (asked["alertRule"], asked["monitorCondition"]) == (logs, "Fired")
        cloud.watching.fire_later(logs, calls=3)
        with pytest.raises(RefusedError, match=f"the alert {place.name}-errors was opened"):
            traffic.update(place.inputs(1, **more))
    finally:
        cloud.watching.is_loose = False
        cloud.watching.alerts.clear()


def test_what_has_more_of_the_traffic_already_is_not_given_less(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.set_traffic(place.path, {"green": 60, "blue": 40})
    traffic.update(place.inputs(2, canaryPercent=10))
    assert place.splits() == [{"blue": 100}, {"green": 100}]


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_moving_traffic_is_looked_after(
    cloud: azure.Cloud, plugin: Plugin, place: Place, fault: str
) -> None:
    traffic = place.served(plugin)
    getattr(cloud, fault)(PUT)
    assert traffic.update(place.inputs(2))["traffic"] == {"green": 100}
    assert place.splits() == [{"blue": 100}, {"green": 100}]


@pytest.mark.parametrize("method", [PUT, ASK, "online_endpoints_get", "online_deployments_list"])
def test_a_service_that_is_busy_or_slow_is_waited_for(
    cloud: azure.Cloud, plugin: Plugin, place: Place, method: str
) -> None:
    traffic = place.served(plugin)
    cloud.refuse(method, 503)
    cloud.slow(method, 0.2)
    assert traffic.update(place.inputs(2))["traffic"] == {"green": 100}


def test_a_move_that_takes_long_is_followed_to_its_end(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.operations.looks = 2
    try:
        assert traffic.update(place.inputs(2, canaryPercent=10))["traffic"] == {"green": 100}
    finally:
        cloud.operations.looks = 0
    plugin.engine.wait_for(f"Still moving the traffic of {place.name}")
    assert place.splits() == [{"blue": 100}, {"green": 10, "blue": 90}, {"green": 100}]


def test_somebody_who_writes_at_the_same_time_is_waited_for(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.refuse(PUT, 409, "The endpoint is being changed.")
    assert traffic.update(place.inputs(2))["traffic"] == {"green": 100}


def test_traffic_that_somebody_else_moves_all_the_time_is_told(
    cloud: azure.Cloud, plugin: Plugin, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = place.served(plugin)
    told, ours = cloud.endpoints._told, {"blue": 100}

    def never(path: str, body: dict[str, Any]) -> dict[str, Any]:
        found = told(path, body)
        return {**found, "properties": {**found["properties"], "traffic": dict(ours)}}

    monkeypatch.setattr(cloud.endpoints, "_told", never)
    with pytest.raises(RefusedError, match="is 100 % to blue, not 100 % to green: something else moves it"):
        traffic.update(place.inputs(2))
    assert place.traffic() == ours


def test_a_way_back_that_fails_is_told_and_the_next_update_goes_on_from_there(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"canaryPercent": 10, "alertRules": [place.rule]}
    traffic, given = place.served(plugin, **more), place.inputs(2, **more)
    cloud.watching.fire_later(place.rule, calls=2)
    cloud.slow(PUT, 0)
    cloud.refuse(PUT, 403, "denied")
    with pytest.raises(RefusedError, match="Going back failed, too") as refused:
        traffic.update(given)
    traffic.adopt(given, refused.value)
    assert place.traffic() == {"green": 10, "blue": 90}
    assert traffic.kinds(given) == {"status": "UPDATE"}
    cloud.watching.alerts.clear()
    assert traffic.update(given)["status"] == "serving"
    assert place.splits()[-2:] == [{"green": 10, "blue": 90}, {"green": 100}]


def test_cancel_between_two_moves_gives_the_traffic_back(cloud: azure.Cloud, place: Place) -> None:
    more = {"canaryPercent": 10, "waitS": 3600}
    first = Plugin()
    traffic = first.resource(TRAFFIC, place.name)
    traffic.create(place.inputs(1, **more))
    thread, errors = in_background(lambda: traffic.update(place.inputs(2, **more)))
    first.engine.wait_for("10 % of the traffic")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked: the traffic of" in errors[0].message
    assert place.traffic() == {"blue": 100}
    assert first.close() == ("", "")


def test_cancel_in_the_middle_of_a_move_waits_for_it_and_goes_back(cloud: azure.Cloud, place: Place) -> None:
    first = Plugin()
    traffic = first.resource(TRAFFIC, place.name)
    traffic.create(place.inputs(1))
    cloud.operations.looks = 10_000
    try:
        thread, errors = in_background(lambda: traffic.update(place.inputs(2)))
        first.engine.wait_for("Still moving the traffic of")
        # What has begun goes on; it ends a few looks later.
        with cloud.lock:
            cloud.operations.looks = 0
            for operation in cloud.operations.open():
                operation.looks = 2
        first.call("Cancel", empty_pb2.Empty())
        thread.join(timeout=LIMIT_S)
    finally:
        cloud.operations.looks = 0
    assert not thread.is_alive()
    assert errors
    assert place.traffic() in ({"blue": 100}, {"green": 100})
    if "Stopped, as asked" in errors[0].message:
        assert place.traffic() == {"blue": 100}
    assert first.close() == ("", "")


def test_a_killed_update_is_gone_on_with_from_where_the_traffic_is(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"linearStepPercent": 25, "waitS": 3600}
    first = Plugin()
    traffic = first.resource(TRAFFIC, place.name)
    traffic.create(place.inputs(1, **more))
    thread, errors = in_background(lambda: traffic.update(place.inputs(2, **more)))
    first.engine.wait_for("25 % of the traffic")
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=LIMIT_S)
    assert errors
    assert place.traffic() == {"green": 25, "blue": 75}

    again = plugin.resource(TRAFFIC, place.name)
    again.id, again.inputs, again.outputs = traffic.id, traffic.inputs, traffic.outputs
    start = len(cloud.requests)
    again.update(place.inputs(2, linearStepPercent=25))
    assert cloud.changes(start) == [PUT] * 3
    assert place.splits()[-3:] == [{"green": 50, "blue": 50}, {"green": 75, "blue": 25}, {"green": 100}]
