"""The guide names exactly the routes, variables and metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import mlcloud_trainer.serving.settings
from conftest import TestModel
from mlcloud_trainer.serving.settings import ServerSettings
from support.serving_process import serving

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "container.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_the_variables_are_those_that_the_server_reads() -> None:
    source = Path(str(mlcloud_trainer.serving.settings.__file__)).read_text(encoding="utf-8")
    assert sorted(first_cells("Environment")) == sorted(
        set(re.findall(r'"((?:MLCLOUD|AIP|AZUREML)_[A-Z0-9_]+)"', source))
    )


def test_the_defaults_are_those_that_the_server_has() -> None:
    found = dict(re.findall(r"^\| `(MLCLOUD_\w+)` \| (\d+)\b", GUIDE, re.MULTILINE))
    settings = ServerSettings.from_environment({})
    values = {**vars(settings), **vars(settings.requests), **vars(settings.connections)}
    assert len(found) >= 12
    for name, default in found.items():
        assert values[name.removeprefix("MLCLOUD_").lower()] == float(default), name


def test_the_routes_are_there_and_metrics_are_listed(cancer: TestModel) -> None:
    routes = dict(
        zip(
            first_cells("Routes"),
            re.findall(r"^\| `[^`]+` \| (GET|POST) \|", GUIDE, re.MULTILINE),
            strict=True,
        )
    )
    variables = {"AIP_HEALTH_ROUTE": "/health", "AIP_PREDICT_ROUTE": "/predict"}
    with serving(cancer.path, **variables) as server, server.client() as client:
        for route, method in routes.items():
            path = variables.get(route, route).replace("{model}", "model")
            status = client.request(method, path, json={}).status_code
            assert status == (200 if method == "GET" else 400), route
        text = client.get("/metrics").text
    assert sorted(first_cells("Metrics")) == sorted(set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)))
