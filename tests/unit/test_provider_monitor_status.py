"""What the status page shows: every field of it, whatever is missing, and what the registry and runs say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlcloud.local.watches import InstanceWatch
from mlcloud.provider.local.monitor_folder import Watched
from mlcloud.provider.local.monitor_sources import endpoint_in, runs, versions
from mlcloud.provider.local.monitor_status import Seen, status
from support.provider_monitors import UNIX_S, MonitorPlace, Watching

WATCHED = Watched(
    request_id="",
    project="houses",
    stack="dev",
    title="houses dev",
    endpoint_directory="/e",
    runs_directory="/r",
    registry_directory="/g",
    rules=(),
    webhook="https://hooks.example.com/t0k3n",
    command=None,
    command_directory="/",
    port=0,
    any_port=True,
)
ENDPOINT = {
    "url",
    "state",
    "detail",
    "ready",
    "replicas",
    "requests_per_s",
    "error_percent",
    "p50_ms",
    "p99_ms",
    "in_flight",
    "capacity",
}
VERSION = {
    "label",
    "sha256",
    "stage",
    "weight",
    "requests_per_s",
    "requests",
    "errors",
    "p50_ms",
    "p99_ms",
    "servers",
    "metrics",
    "created",
    "lineage",
    "report",
}


def shown(watching: Watching, **seen: Any) -> dict[str, Any]:
    """The document, as it comes out of JSON."""
    now = Seen(now=watching.now, wall=UNIX_S + watching.now, **seen)
    document = status(WATCHED, now, watching.watch, [])
    text = json.dumps(document, allow_nan=False)
    assert "t0k3n" not in text
    return json.loads(text)


def watching() -> Watching:
    return Watching([alarm.rule for alarm in InstanceWatch().alarms])


def test_nothing_is_there_yet() -> None:
    empty = watching()
    empty.is_there = False
    empty.step(3)
    found = shown(empty)
    assert set(found) == {
        "project",
        "stack",
        "title",
        "written",
        "endpoint",
        "versions",
        "series",
        "alarms",
        "history",
        "training",
    }
    assert set(found["endpoint"]) == ENDPOINT
    assert (found["endpoint"]["state"], found["endpoint"]["url"]) == ("down", "")
    assert (found["versions"], found["training"]) == ([], None)
    assert {alarm["state"] for alarm in found["alarms"]} == {"no-data"}
    assert found["series"]["p99_ms"] == [None] * 180


def test_two_versions_share_the_traffic() -> None:
    both = watching()
    old, new = both.server("old", "a"), both.server("new", "b")
    for _ in range(20):
        for _ in range(9):
            old.observe("/invocations", 200, 0.02)
        new.observe("/invocations", 500, 0.2)
        both.step()
    old.in_flight = 3
    both.step()
    generations = tuple(
        replace(generation, weight=90 if generation.label == "old" else 10)
        for generation in both.endpoint().generations
    )
    found = shown(both, endpoint=replace(both.endpoint(), generations=generations))
    endpoint, (first, second) = found["endpoint"], found["versions"]
    assert (endpoint["state"], endpoint["url"]) == ("rolling-out", "http://127.0.0.1:8000")
    assert endpoint["error_percent"] == pytest.approx(10)
    assert endpoint["requests_per_s"] == pytest.approx(9)
    assert (endpoint["in_flight"], endpoint["capacity"]) == (3, 20)
    assert 10 < endpoint["p50_ms"] < 25
    assert 100 < endpoint["p99_ms"] <= 250
    assert set(first) == set(second) == VERSION
    assert [(one["label"], one["weight"], one["requests"], one["errors"]) for one in (first, second)] == [
        ("old", 90, 180, 0),
        ("new", 10, 20, 20),
    ]
    assert first["servers"] == [{"pid": 1, "ready": True, "began": UNIX_S + 1, "in_flight": 3}]


def test_the_last_fifteen_minutes_are_told_in_steps() -> None:
    one = watching()
    metrics = one.server()
    for second in range(1000):
        for _ in range(2):
            metrics.observe("/invocations", 500 if second >= 995 else 200, 0.02)
        one.step()
    series = shown(one, endpoint=one.endpoint())["series"]
    assert (series["step_s"], series["from"]) == (5, UNIX_S + 100)
    assert {len(series[name]) for name in series if name not in ("step_s", "from")} == {180}
    assert series["requests_per_s"] == [2.0] * 180
    assert series["errors_per_s"] == [0.0] * 179 + [2.0]


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"ready": 0}, "starting"),
        ({}, "serving"),
        ({"supervised": False}, "serving"),
        ({"supervised": False, "generations": ()}, "down"),
    ],
)
def test_an_endpoints_state_follows_from_its_processes(changed: dict[str, Any], state: str) -> None:
    one = watching()
    one.server()
    one.step()
    found = shown(one, endpoint=replace(one.endpoint(), **changed))["endpoint"]
    assert found["state"] == state
    assert ("mlcloud up" in found["detail"]) == ("supervised" in changed)


def entry(folder: Path, label: str, sha256: str, **more: Any) -> Path:
    path = folder / "registry" / "houses" / f"{label}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    model = folder / "models" / sha256
    content = {
        "name": "houses",
        "version": label,
        "uri": f"{model.as_uri()}/",
        "sha256": sha256,
        "stage": "live",
        "metrics": {"r2": 0.9},
        **more,
    }
    path.write_text(json.dumps(content))
    return model


def test_the_registry_and_the_runs_say_the_rest(tmp_path: Path) -> None:
    model = entry(tmp_path, "v2", "b" * 64, created=7.0, lineage={"data_sha256": "d"})
    entry(tmp_path, "v1", "a" * 64, created=5.0)
    model.mkdir(parents=True)
    (model / "report.html").write_text("<p>")
    run = tmp_path / "runs" / "train-1"
    run.mkdir(parents=True)
    (run / ".mlcloud").write_text("{}")
    (run / "run.json").write_text(
        json.dumps({"status": "published", "started_at": 5.0, "sha256": "b" * 64, "pid": 1})
    )
    seen = Seen(
        now=0, wall=0, runs=runs().look(tmp_path / "runs"), versions=versions().look(tmp_path / "registry")
    )
    found = status(WATCHED, seen, watching().watch, [])
    assert [(one["label"], one["stage"], one["report"]) for one in found["versions"]] == [
        ("v2", "live", "/reports/v2"),
        ("v1", "live", None),
    ]
    assert found["versions"][0]["metrics"] == {"r2": 0.9}
    assert found["versions"][0]["lineage"] == {"data_sha256": "d"}
    assert found["training"] == {
        "run": "train-1",
        "status": "published",
        "since": 5.0,
        "report": "/reports/v2",
    }
    assert seen.report("v2") == model / "report.html"
    assert seen.report("v1") is seen.report("../v2") is None


@pytest.mark.parametrize("latest", ["v1", "v1.aaaaaaaaaaaa"])
def test_the_report_of_a_label_that_two_models_had_is_the_latest_ones(tmp_path: Path, latest: str) -> None:
    for file, sha256 in (("v1", "b" * 64), ("v1.aaaaaaaaaaaa", "a" * 64)):
        model = entry(tmp_path, file, sha256, version="v1", created=9.0 if file == latest else 5.0)
        model.mkdir(parents=True)
        (model / "report.html").write_text(file)
    seen = Seen(now=0, wall=0, versions=versions().look(tmp_path / "registry"))
    report = seen.report("v1")
    assert report is not None
    assert report.read_text() == latest


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": "../x", "uri": "/m", "sha256": "", "stage": "", "metrics": {}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_makes_no_sense_is_left_aside(tmp_path: Path, content: str) -> None:
    entry(tmp_path, "v1", "a" * 64)
    (tmp_path / "registry" / "houses" / "odd.json").write_text(content)
    (tmp_path / "registry" / "houses" / "metrics.json").write_text(
        '{"version": "x", "uri": "s3://m", "sha256": "", "stage": "", "metrics": [1]}'
    )
    assert [version.label for version in versions().look(tmp_path / "registry")] == ["v1"]


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    registry = versions()
    for label, stage in (("v1", "live"), ("v1", "archived")):
        entry(tmp_path, label, "a" * 64, stage=stage, changed=stage)
        assert [version.stage for version in registry.look(tmp_path / "registry")] == [stage]
    (tmp_path / "registry" / "houses" / "v1.json").unlink()
    assert registry.look(tmp_path / "registry") == []
    assert registry.look(tmp_path / "nowhere") == []


def test_a_state_of_another_version_of_mlcloud_is_no_endpoint(tmp_path: Path) -> None:
    place = MonitorPlace(tmp_path)
    assert endpoint_in(tmp_path / "endpoint") is None
    place.write_state()
    assert endpoint_in(tmp_path / "endpoint") is not None
    for changed in ({"generations": None}, {"generations": [{}]}, {"supervisor": 3}):
        place.write_state(**changed)
        assert endpoint_in(tmp_path / "endpoint") is None
