"""Predict, status and logs on this machine, against a small HTTP server and log files."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from mlcloud.core.errors import UserError
from mlcloud.local import operations
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.serving import EndpointFolder, EndpointState, GenerationState, ServerState


class Endpoint(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    answers: ClassVar[dict[str, bytes]] = {}

    def _answer(self) -> None:
        body = self.answers.get(self.path, b"{}")
        self.send_response(self.status)
        self.send_header("x-model-version", "abc")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Endpoint, "status", 200)
    monkeypatch.setattr(Endpoint, "answers", {"/invocations": b'{"predictions": [1]}'})
    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def supervised(tmp_path: Path, url: str, **more: object) -> dict[str, str]:
    """Outputs of a stack whose supervisor is this process, and has said this last."""
    me = ProcessRef.of(os.getpid())
    assert me is not None
    server = ServerState(process=me, private_port=int(url.rpartition(":")[2]), accepting=True, began=0.0)
    shares = {"old": 90, "new": 10}
    state = EndpointState(
        supervisor=me,
        servers=(me,),
        port=1,
        version="old",
        sha256="",
        replicas=2,
        ready=2,
        answered="",
        error="",
        generations=tuple(
            GenerationState(version=version, sha256="", weight=weight, log="", servers=(server,))
            for version, weight in shares.items()
        ),
    )
    EndpointFolder(path=tmp_path).write_state(replace(state, **more))
    return {"endpoint_url": url, "endpoint_logs": str(tmp_path / "logs")}


def test_the_counters_of_all_servers_are_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = b'mlcloud_requests_total{route="/invocations",status="200"} 7\n'
    monkeypatch.setattr(Endpoint, "answers", {"/metrics": counter})
    found = operations.status(supervised(tmp_path, url))
    assert (found.state, found.requests, found.replicas) == ("serving", 14, 2)


def test_a_rollout_is_told_with_its_shares(url: str, tmp_path: Path) -> None:
    found = operations.status(supervised(tmp_path, url, candidate="request"))
    assert (found.state, found.model_version) == ("rolling-out", "old")
    assert found.more == {"traffic": "90 % to old, 10 % to new"}


def test_servers_without_their_supervisor_are_not_called_serving(url: str, tmp_path: Path) -> None:
    gone = ProcessRef(pid=os.getpid(), started="another time")
    found = operations.status(supervised(tmp_path, url, supervisor=gone))
    assert found.state == "unsupervised"
    assert "`mlcloud up STACK` repairs" in found.detail


def predict(url: str) -> operations.Prediction:
    return operations.predict({"endpoint_url": url}, b"{}", content_type="application/json")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (predict(url).predictions, predict(url).model_version) == ([1], "abc")
    assert operations.status({"endpoint_url": url}).state == "serving"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": "instances[0]: lacks \'b\'"}', r"\(400\): instances\[0\]: lacks 'b'$"),
        (b"no JSON", r"\(400\): no JSON$"),
        (b"[1]", r"\(400\): \[1\]$"),
    ],
)
def test_a_refused_request_is_told_in_the_endpoints_words(
    url: str, body: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "status", 400)
    monkeypatch.setattr(Endpoint, "answers", {"/invocations": body})
    with pytest.raises(UserError, match=told):
        predict(url)


def alarms(folder: Path, *found: dict[str, object], written: float | None = None) -> dict[str, str]:
    path = folder / "alarms.json"
    path.write_text(json.dumps({"written": time.time() if written is None else written, "alarms": found}))
    return {"alarms": str(path), "status_page": "http://127.0.0.1:8480/"}


def test_open_alarms_are_told_with_value_limit_and_age(url: str, tmp_path: Path) -> None:
    one = {"name": "server-errors", "state": "alarm", "value": 12.5, "unit": "percent", "threshold": 1.0}
    two = {"name": "failed-training", "state": "alarm", "value": None, "unit": "runs", "threshold": 0.0}
    shut = {**one, "name": "saturation", "state": "ok"}
    outputs = alarms(tmp_path, {**one, "since": 0.0}, {**two, "since": 0.0}, {**shut, "since": 0.0})
    since = datetime.fromtimestamp(0, UTC).astimezone().strftime("%H:%M")
    assert operations.status({"endpoint_url": url, **outputs}).more == {
        "alarms": f"server-errors, 12.5 percent (limit 1) since {since}; "
        f"failed-training (limit 0) since {since}",
        "page": "http://127.0.0.1:8480/",
    }
    assert operations.status({"endpoint_url": "http://127.0.0.1:9", **outputs}).more["page"]


def test_a_stack_without_open_alarms_says_so(url: str, tmp_path: Path) -> None:
    shut = {"name": "saturation", "state": "no-data", "value": None}
    assert operations.status({"endpoint_url": url, **alarms(tmp_path, shut)}).more["alarms"] == "none"
    assert operations.status({"endpoint_url": url}).more == {}


def test_a_monitor_that_does_not_run_is_noticed(url: str, tmp_path: Path) -> None:
    outputs = alarms(tmp_path, written=time.time() - 60)
    told = {"alarms": "nobody watches: `mlcloud up` starts the monitor"}
    assert operations.status({"endpoint_url": url, **outputs}).more == told
    (tmp_path / "alarms.json").unlink()
    assert operations.status({"endpoint_url": url, **outputs}).more == told


def test_counters_leave_out_probes_and_count_failures(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        'mlcloud_requests_total{route="/invocations",status="200"} 3',
        'mlcloud_requests_total{route="/invocations",status="500"} 1',
        'mlcloud_requests_total{route="/ping",status="503"} 9',
    ]
    monkeypatch.setattr(Endpoint, "answers", {"/metrics": "\n".join(lines).encode()})
    found = operations.status({"endpoint_url": url})
    assert (found.requests, found.errors) == (4, 1)


def test_an_endpoint_that_does_not_answer_is_down_with_what_to_do() -> None:
    found = operations.status({"endpoint_url": "http://127.0.0.1:9", "model_version": "abc"})
    assert (found.state, found.model_version) == ("down", "abc")
    assert "`mlcloud up STACK`" in found.detail


def test_a_sample_of_a_model_that_is_gone_says_what_repairs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="repairs"):
        operations.sample({"model_uri": (tmp_path / "gone").as_uri()})


class TestLogs:
    def lines(self, folder: Path, count: int, *, follow: bool = False) -> Iterator[str]:
        outputs = {"endpoint_logs": str(folder)}
        return operations.logs(outputs, source="endpoint", lines=count, follow=follow)

    @pytest.mark.parametrize(("count", "expected"), [(0, []), (2, ["b", "c"]), (9, ["a", "b", "c"])])
    def test_the_last_lines_of_the_newest_generation(
        self, tmp_path: Path, count: int, expected: list[str]
    ) -> None:
        (tmp_path / "0002-new.log").write_text("a\nb\nc\n")
        (tmp_path / "0001-old.log").write_text("old\n")
        assert list(self.lines(tmp_path, count)) == expected

    def test_following_goes_on_into_the_next_generation_and_over_a_cut(self, tmp_path: Path) -> None:
        first = tmp_path / "0001-a.log"
        first.write_text("one\n" * 50)
        lines = self.lines(tmp_path, 1, follow=True)
        assert next(lines) == "one"
        with first.open("a") as log:
            log.write("two\n")
        assert next(lines) == "two"
        first.write_text("cut\n")
        assert next(lines) == "cut"
        (tmp_path / "0002-b.log").write_text(json.dumps({"message": "three"}) + "\n")
        assert next(lines) == '{"message": "three"}'
        lines.close()

    def test_no_log_yet_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="No log of the endpoint"):
            next(self.lines(tmp_path, 1))


def test_models_beside_the_live_one_are_listed_with_what_their_manifests_tell(tmp_path: Path) -> None:
    for name, r2 in (("a" * 64, 0.8), ("b" * 64, 0.9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps({"metrics": {"r2": r2}}))
    (tmp_path / "no-model").mkdir()
    live = {"model_uri": (tmp_path / ("b" * 64)).as_uri(), "model_sha256": "b" * 64, "model_version": "v2"}
    found = {version.label: version for version in operations.models(live)}
    assert set(found) == {"a" * 12, "v2"}
    assert (found["v2"].is_live, found["v2"].metrics) == (True, {"r2": 0.9})
    assert (found["a" * 12].is_live, found["a" * 12].metrics) == (False, {"r2": 0.8})


def test_a_pinned_archive_is_the_one_version_that_is_known(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"")
    outputs = {"model_uri": archive.as_uri(), "model_sha256": "c" * 64, "model_version": "v3"}
    (version,) = operations.models(outputs)
    assert (version.label, version.sha256, version.is_live, version.metrics) == ("v3", "c" * 64, True, {})
