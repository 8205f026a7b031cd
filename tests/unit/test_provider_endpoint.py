"""Endpoints over the plugin's gRPC: real processes and sockets, with a stand-in for the trainer's server."""

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.processes import has_ended
from support.provider_endpoints import (
    ENDPOINT,
    EndpointPlace,
    ask,
    free_port,
    is_free,
    predicted,
)
from support.provider_models import Model
from support.provider_plugin import Plugin, RefusedError
from support.waiting import LIMIT_S, eventually


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Iterator[EndpointPlace]:
    used = EndpointPlace(tmp_path)
    yield used
    used.clear(plugin)


def test_an_endpoint_serves_its_model_and_deleting_it_frees_everything(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    model = place.model("B")
    inputs = place.inputs(model)
    previewed = endpoint.preview(inputs)
    assert repr(previewed["url"]) == "UNKNOWN"
    assert previewed["modelVersion"] == model.version

    outputs = endpoint.create(inputs)

    assert outputs["url"] == f"http://127.0.0.1:{outputs['port']:g}"
    answer = ask(outputs)
    assert answer.json()["predictions"] == [{"prediction": "B", "probabilities": None}]
    assert answer.headers["x-model-version"] == model.version == outputs["modelVersion"]
    assert endpoint.read() == outputs
    assert endpoint.kinds(inputs) == {}
    assert list(Path(outputs["logs"]).glob("*.log"))
    supervisor, servers = place.supervisor(), place.servers()
    endpoint.delete()
    endpoint.delete()
    assert all(map(has_ended, (supervisor, *servers)))
    assert is_free(int(outputs["port"]))
    assert not Path(inputs["directory"]).exists()


def test_the_folder_is_private_because_the_environment_may_hold_secrets(
    plugin: Plugin, place: EndpointPlace
) -> None:
    inputs = place.inputs(place.model("B"), environment={"TOKEN": "s3cret"})
    plugin.resource(ENDPOINT).create(inputs)
    directory = place.root / "endpoint"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    texts = [path.read_text() for path in directory.rglob("*") if path.is_file()]
    assert not any("s3cret" in text for text in texts)


def test_a_new_model_takes_over_behind_the_same_port_and_no_request_is_lost(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    old, new = place.model("old"), place.model("new")
    outputs = endpoint.create(place.inputs(old))
    changed = place.inputs(new)
    assert set(endpoint.kinds(changed)) == {"modelUri", "modelSha256"}
    assert not endpoint.diff(changed).replaces
    assert endpoint.preview(changed)["url"] == outputs["url"]

    answers: list[object] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                answers.append(predicted(outputs))
            except httpx.HTTPError as error:
                answers.append(error)

    slow: list[httpx.Response] = []
    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    begun = place.root / "begun"
    threads.append(threading.Thread(target=lambda: slow.append(ask(outputs, sleep_s=1.5, begun=str(begun)))))
    for thread in threads:
        thread.start()
    eventually(lambda: begun.exists() and "old" in answers)
    updated = endpoint.update(changed)
    eventually(lambda: "new" in answers)
    stop.set()
    for thread in threads:
        thread.join(timeout=LIMIT_S)

    assert {"old", "new"} == set(answers)
    assert slow[0].json()["predictions"][0]["prediction"] == "old"
    assert updated["url"] == outputs["url"]
    assert updated["modelVersion"] == new.version
    assert predicted(updated) == "new"
    eventually(lambda: len(place.servers()) == 1)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"mode": "refuse"}, r"did not start \(exit code 1\): The model has a type that is not allowed\."),
        ({"mode": "hang"}, r"was not ready within 0\.5 s \(startTimeoutS\)"),
        ({"promised": "M"}, r'smoke prediction: it predicts "B" for a known row, where training gave "M"'),
    ],
)
def test_a_new_version_that_does_not_work_leaves_the_old_one_serving(
    plugin: Plugin, place: EndpointPlace, broken: dict[str, Any], reason: str
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    good, bad = place.model("good"), place.model("B", **broken)
    inputs = place.inputs(good)
    outputs = endpoint.create(inputs)
    before = [server.pid for server in place.servers()]

    with pytest.raises(RefusedError, match=reason) as refused:
        endpoint.update(place.inputs(bad, startTimeoutS=0.5 if broken.get("mode") == "hang" else LIMIT_S))

    assert f"Version {good.version} keeps serving." in refused.value.message
    assert predicted(outputs) == "good"
    assert [server.pid for server in place.servers()] == before
    assert endpoint.kinds(inputs) == {}
    assert endpoint.read() == outputs


@pytest.mark.parametrize("broken", [{"mode": "refuse"}, {"mode": "hang"}, {"promised": "M"}])
def test_a_first_version_that_does_not_work_leaves_nothing(
    plugin: Plugin, place: EndpointPlace, broken: dict[str, Any]
) -> None:
    port = free_port()
    start_timeout_s = 0.8 if broken.get("mode") == "hang" else LIMIT_S
    inputs = place.inputs(place.model("B", **broken), port=float(port), startTimeoutS=start_timeout_s)
    with pytest.raises(RefusedError, match="Version "):
        plugin.resource(ENDPOINT).create(inputs)
    assert not (place.root / "endpoint").exists()
    assert is_free(port)


def test_a_taken_port_is_named_with_its_owner_and_leaves_nothing(
    plugin: Plugin, place: EndpointPlace
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        inputs = place.inputs(place.model("B"), port=float(port))
        with pytest.raises(RefusedError, match=rf"port: 127\.0\.0\.1:{port} cannot be used: .*{os.getpid()}"):
            plugin.resource(ENDPOINT).create(inputs)
        assert not (place.root / "endpoint").exists()

        endpoint = plugin.resource(ENDPOINT)
        outputs = endpoint.create(place.inputs(place.model("C")))
        with pytest.raises(RefusedError, match="cannot be used"):
            endpoint.update({**endpoint.inputs, "port": float(port)})
        assert predicted(outputs) == "C"


def test_a_changed_port_moves_the_endpoint(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    port = free_port()
    moved = endpoint.update({**endpoint.inputs, "port": float(port)})
    assert moved["url"] == f"http://127.0.0.1:{port}"
    assert predicted(moved) == "B"
    eventually(lambda: is_free(int(outputs["port"])))


def test_a_model_that_is_not_there_or_was_tampered_with_is_never_started(
    plugin: Plugin, place: EndpointPlace
) -> None:
    model = place.model("B")
    (model.folder / "model.skops").write_text('{"prediction": "evil", "mode": "ok"}')
    with pytest.raises(RefusedError, match=r"modelUri: The file model\.skops"):
        plugin.resource(ENDPOINT).create(place.inputs(model))
    with pytest.raises(RefusedError, match="modelUri: There is no model"):
        plugin.resource(ENDPOINT).create(place.inputs(Model(place.root / "none", model.sha256)))
    assert not (place.root / "endpoint").exists()


def test_replicas_share_the_port_and_are_changed_by_an_update(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B"), replicas=2.0))
    assert outputs["replicas"] == 2
    assert len(place.servers()) == 2
    endpoint.update({**endpoint.inputs, "replicas": 1.0})
    eventually(lambda: len(place.servers()) == 1)
    assert predicted(outputs) == "B"


def test_the_state_says_which_servers_serve_which_version_and_what_share_they_have(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    old, new = place.model("old"), place.model("new")
    outputs = endpoint.create(place.inputs(old, replicas=2.0))
    (generation,) = place.state()["generations"]
    assert (generation["version"], generation["sha256"]) == (old.version, old.sha256)
    assert generation["weight"] == 100
    assert Path(generation["log"]).parent == Path(outputs["logs"])
    assert [server["process"]["pid"] for server in generation["servers"]] == [
        server.pid for server in place.servers()
    ]
    for server in generation["servers"]:
        assert server["accepting"]
        assert abs(server["began"] - time.time()) < 3600
        assert predicted({"url": f"http://127.0.0.1:{server['private_port']}"}) == "old"

    endpoint.update(place.inputs(new))
    eventually(lambda: [one["version"] for one in place.state()["generations"]] == [new.version])


def test_an_endpoint_whose_folder_is_gone_is_gone(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    endpoint.create(place.inputs(place.model("B")))
    supervisor, servers = place.supervisor(), place.servers()
    endpoint.delete()
    assert endpoint.read() is None
    assert all(map(has_ended, (supervisor, *servers)))


def test_a_model_without_a_whole_smoke_prediction_is_refused_before_anything_starts(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    for smoke in ({"prediction": "B"}, [1]):
        with pytest.raises(RefusedError, match="a `smoke` without `instance` and `prediction`"):
            endpoint.update(place.inputs(place.model("B", smoke=smoke)))
    assert predicted(outputs) == "B"


def test_names_that_servers_cannot_have_are_refused(plugin: Plugin, place: EndpointPlace) -> None:
    inputs = place.inputs(place.model("B"))
    check = plugin.resource(ENDPOINT).check
    problems = check({**inputs, "modelVersion": "../../up", "environment": {"A=B": "x", "C": "\0"}})
    assert set(problems) == {"modelVersion", "environment"}
    assert "'A=B', 'C'" in problems["environment"]
    problems = check({**inputs, "environment": {"MLCLOUD_MODEL_SHA256": "x"}, "command": ["a", "\0"]})
    assert problems["environment"] == "MLCLOUD_MODEL_SHA256: the endpoint sets it by itself, remove it."
    assert "null character" in problems["command"]


def test_another_folder_replaces_the_endpoint_after_the_old_one_has_ended(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    endpoint.create(inputs)
    found = endpoint.diff({**inputs, "directory": str(place.root / "other")})
    assert list(found.replaces) == ["directory"]
    assert found.deleteBeforeReplace


def test_numbers_out_of_range_are_refused_together(plugin: Plugin, place: EndpointPlace) -> None:
    problems = plugin.resource(ENDPOINT).check(
        place.inputs(Model(place.root, "abc"), port=80.0, replicas=0.0, startTimeoutS=0.0)
    )
    assert set(problems) == {"modelSha256", "port", "replicas", "startTimeoutS"}
    assert problems["port"] == "80 is not a port from 1024 to 65535."
