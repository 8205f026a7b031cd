"""A new version takes over an endpoint of Vertex AI, or leaves nothing: at each step, cancelled, killed."""

import hashlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_gcp_cloud as gcp
from support.provider_gcp_answers import RefusedCall
from support.provider_gcp_deployments import Place, make_place
from support.provider_gcp_resources import DEPLOYMENT, adopt, in_background
from support.provider_plugin import LIMIT_S, Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path_factory.mktemp("gcp")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: gcp.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> Place:
    """An endpoint and a model with two versions, of this test's own."""
    return make_place(cloud, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


@pytest.mark.parametrize(
    ("given", "splits"),
    [
        ({}, [[5, 95], [100]]),
        ({"trialPercent": 20}, [[20, 80], [100]]),
        ({"canaryPercent": 10}, [[10, 90], [100]]),
        ({"linearStepPercent": 25}, [[25, 75], [50, 50], [25, 75], [100]]),
        ({"linearStepPercent": 40}, [[40, 60], [20, 80], [100]]),
    ],
    ids=["all at once", "a larger trial", "canary", "linear", "linear that does not come out even"],
)
def test_traffic_moves_as_declared_and_the_old_version_goes_last(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, *, given: dict[str, Any], splits: list[list[int]]
) -> None:
    deployment = place.served(plugin, **given)
    start = len(cloud.requests)
    outputs = deployment.update(place.inputs(2, **given))
    # With the new version comes no traffic: the old one keeps all of it.
    assert place.splits() == [[100], [100], *splits]
    moves = ["endpoints.patch"] * len(splits)
    assert cloud.changes(start) == ["endpoints.deployModel", *moves, "endpoints.undeployModel"]
    assert place.traffic() == {place.version(2): 100}
    assert list(cloud.endpoints.deployed(place.endpoint)) == [outputs["deployedModelId"]]
    assert outputs["model"] == place.version(2)
    assert deployment.kinds(place.inputs(2, **given)) == {}
    start = len(cloud.requests)
    assert deployment.update(place.inputs(2, **given)) == outputs
    assert cloud.changes(start) == []


def test_another_machine_is_deployed_beside_the_old_one_and_never_an_outage(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    before = deployment.outputs["deployedModelId"]
    outputs = deployment.update(place.inputs(1, machineType="n1-standard-8"))
    assert outputs["deployedModelId"] != before
    assert all(sum(split) == 100 for split in place.splits())
    (live,) = cloud.endpoints.all[place.endpoint]["deployedModels"]
    assert live["dedicatedResources"]["machineSpec"]["machineType"] == "n1-standard-8"


def test_going_back_to_an_earlier_version_works_like_any_change(plugin: Plugin, place: Place) -> None:
    deployment = place.served(plugin)
    first = deployment.outputs
    deployment.update(place.inputs(2))
    assert deployment.update(place.inputs(1)) == first
    assert place.traffic() == {place.version(1): 100}


def wrong_answer(place: Place) -> None:
    place.answer(2, "class 1")


def no_answer(place: Place) -> None:
    place.answer(2, RefusedCall(500, "INTERNAL", "The container crashed."))


def failed_deployment(place: Place) -> None:
    place.cloud.endpoints.deploy_failure = "Model server never became ready."


def refused_deployment(place: Place) -> None:
    place.cloud.refuse("endpoints.deployModel", 403, "Permission aiplatform.endpoints.deploy denied")


def refused_move(place: Place) -> None:
    place.cloud.refuse("endpoints.patch", 403, "Permission aiplatform.endpoints.update denied")


def alert(place: Place) -> None:
    place.cloud.watching.open_later(place.policy, "Churn answers slowly", calls=2)


def alert_at_the_end(place: Place) -> None:
    place.cloud.watching.open_later(place.policy, "Churn fails", calls=3)


FAILURES: list[tuple[Callable[[Place], None], str]] = [
    (failed_deployment, r"failed: Model server never became ready\."),
    (refused_deployment, "endpoints.deploy denied"),
    (refused_move, "endpoints.update denied"),
    (wrong_answer, 'predicts "class 1" for a known row, where training gave "class 2"'),
    (no_answer, "The container crashed"),
    (alert, "the alert Churn answers slowly was opened"),
    (alert_at_the_end, "the alert Churn fails was opened"),
]


@pytest.mark.parametrize(("fail", "words"), FAILURES, ids=[fail.__name__ for fail, _ in FAILURES])
def test_a_failure_gives_the_traffic_back_leaves_no_orphan_and_the_next_update_succeeds(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, *, fail: Callable[[Place], None], words: str
) -> None:
    more = {"canaryPercent": 10, "alertPolicies": [place.policy]}
    deployment = place.served(plugin, **more)
    before = deployment.outputs
    fail(place)
    with pytest.raises(RefusedError, match=words) as refused:
        # Whoever does not answer is waited for: not for long here.
        limit = {"smokeTimeoutS": 5} if fail is no_answer else {}
        deployment.update(place.inputs(2, **more, **limit))
    assert "What served before keeps serving; nothing of the new one is left" in refused.value.message
    assert refused.value.init_failure is None
    assert place.traffic() == {place.version(1): 100}
    assert list(cloud.endpoints.deployed(place.endpoint)) == [before["deployedModelId"]]
    assert deployment.read() == before

    place.answer(2, "class 2")
    cloud.watching.alerts.clear()
    assert deployment.update(place.inputs(2, **more))["model"] == place.version(2)
    assert place.traffic() == {place.version(2): 100}


@pytest.mark.parametrize(("fail", "words"), FAILURES[:2], ids=["failed_deployment", "refused_deployment"])
def test_a_first_deployment_that_fails_leaves_nothing(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, *, fail: Callable[[Place], None], words: str
) -> None:
    fail(place)
    deployment = plugin.resource(DEPLOYMENT)
    with pytest.raises(RefusedError, match=words) as refused:
        deployment.create(place.inputs(1))
    assert "Nothing served before; nothing of the new one is left" in refused.value.message
    assert cloud.endpoints.deployed(place.endpoint) == {}
    assert deployment.create(place.inputs(1))["status"] == "serving"


def test_a_first_version_that_answers_wrongly_is_undeployed(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    place.answer(1, "nonsense")
    with pytest.raises(RefusedError, match='predicts "nonsense"'):
        plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert cloud.endpoints.deployed(place.endpoint) == {}


def test_errors_of_the_old_version_do_not_stop_the_new_one(plugin: Plugin, place: Place) -> None:
    deployment = place.served(plugin)
    # It does not know the new version's columns.
    place.answer(1, RefusedCall(400, "INVALID_ARGUMENT", "unknown column"))
    assert deployment.update(place.inputs(2))["model"] == place.version(2)


def test_an_alert_that_was_open_before_is_told_and_does_not_stop_a_change(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    cloud.watching.open(place.policy, f"{place.name} was slow")
    cloud.watching.open(f"projects/{gcp.PROJECT}/alertPolicies/other", "not ours")
    deployment.update(place.inputs(2, alertPolicies=[place.policy]))
    plugin.engine.wait_for(f"The alert {place.name} was slow is open already")
    cloud.watching.alerts.clear()


def test_alerts_are_watched_for_the_time_between_two_moves(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"canaryPercent": 10, "waitS": 0.5, "alertPolicies": [place.policy]}
    deployment = place.served(plugin, **more)
    start = cloud.count("alerts.list")
    deployment.update(place.inputs(2, **more))
    # Before all, and at the beginning and end of both waits.
    assert cloud.count("alerts.list") - start >= 5


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_deploying_makes_one_deployed_model(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, fault: str
) -> None:
    deployment = place.served(plugin)
    getattr(cloud, fault)("endpoints.deployModel")
    outputs = deployment.update(place.inputs(2))
    assert list(cloud.endpoints.deployed(place.endpoint)) == [outputs["deployedModelId"]]


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_moving_traffic_is_sent_again(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, fault: str
) -> None:
    deployment = place.served(plugin)
    getattr(cloud, fault)("endpoints.patch")
    assert deployment.update(place.inputs(2))["traffic"] == {deployment.outputs["deployedModelId"]: 100}


def test_an_old_version_that_cannot_be_undeployed_is_told_and_tried_again(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment, given = place.served(plugin), place.inputs(2)
    cloud.refuse("endpoints.undeployModel", 403, "denied")
    with pytest.raises(RefusedError, match="which it replaces, still costs") as refused:
        deployment.update(given)
    adopt(deployment, given, refused.value)
    assert place.traffic() == {place.version(2): 100}
    assert deployment.kinds(given) == {"status": "UPDATE"}
    assert deployment.update(given)["status"] == "serving"
    assert list(cloud.endpoints.deployed(place.endpoint).values()) == [place.version(2)]


def test_a_way_back_that_fails_is_told_and_the_next_update_goes_on_from_there(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment, given = place.served(plugin), place.inputs(2)
    wrong_answer(place)
    cloud.refuse("endpoints.undeployModel", 403, "denied")
    with pytest.raises(RefusedError, match="Going back failed, too") as refused:
        deployment.update(given)
    adopt(deployment, given, refused.value)
    assert place.traffic() == {place.version(1): 100}
    place.answer(2, "class 2")
    assert deployment.update(given)["status"] == "serving"
    assert place.traffic() == {place.version(2): 100}
    assert list(cloud.endpoints.deployed(place.endpoint).values()) == [place.version(2)]


def test_cancel_while_it_is_deployed_ends_the_operation_and_leaves_nothing(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    place.served(plugin)
    first = Plugin()
    deployment = first.resource(DEPLOYMENT, place.name)
    deployment.create(place.inputs(1))
    cloud.operations.looks = 10_000
    try:
        thread, errors = in_background(lambda: deployment.update(place.inputs(2)))
        first.engine.wait_for("Still deploying")
        cloud.operations.looks = 0
        first.call("Cancel", empty_pb2.Empty())
        thread.join(timeout=LIMIT_S)
    finally:
        cloud.operations.looks = 0
    assert not thread.is_alive()
    assert "Stopped, as asked: the traffic of" in errors[0].message
    assert place.traffic() == {place.version(1): 100}
    assert list(cloud.endpoints.deployed(place.endpoint).values()) == [place.version(1)]
    first.close()


def test_cancel_between_two_moves_gives_the_traffic_back(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"canaryPercent": 10, "waitS": 3600}
    first = Plugin()
    deployment = first.resource(DEPLOYMENT, place.name)
    deployment.create(place.inputs(1, **more))
    thread, errors = in_background(lambda: deployment.update(place.inputs(2, **more)))
    first.engine.wait_for("10 % of the traffic")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    assert place.traffic() == {place.version(1): 100}
    first.close()

    # What the cancelled update began to undeploy is waited for and gone.
    again = plugin.resource(DEPLOYMENT, place.name)
    given = place.inputs(1, **more)
    again.create(given)
    assert list(cloud.endpoints.deployed(place.endpoint).values()) == [place.version(1)]


def test_a_killed_update_is_gone_on_with_from_where_the_traffic_is(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {"linearStepPercent": 25, "waitS": 3600}
    first = Plugin()
    deployment = first.resource(DEPLOYMENT, place.name)
    deployment.create(place.inputs(1, **more))
    thread, errors = in_background(lambda: deployment.update(place.inputs(2, **more)))
    first.engine.wait_for("25 % of the traffic")
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=LIMIT_S)
    assert errors
    assert place.traffic() == {place.version(1): 75, place.version(2): 25}

    again = plugin.resource(DEPLOYMENT, place.name)
    again.id, again.inputs, again.outputs = deployment.id, deployment.inputs, deployment.outputs
    start = len(cloud.requests)
    again.update(place.inputs(2, linearStepPercent=25))
    assert cloud.changes(start) == [*["endpoints.patch"] * 3, "endpoints.undeployModel"]
    assert place.splits()[-3:] == [[50, 50], [25, 75], [100]]
    assert list(cloud.endpoints.deployed(place.endpoint).values()) == [place.version(2)]


def test_somebody_who_writes_in_between_is_seen_and_the_move_is_tried_again(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    cloud.refuse("endpoints.patch", 409, "The etag is another one.")
    assert deployment.update(place.inputs(2))["model"] == place.version(2)
