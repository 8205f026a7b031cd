"""Each component of the local cloud alone, as its example in the guide shows it."""

from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from support.markdown import ROOT, blocks
from support.plan import plan

EXAMPLES = {block.heading: block.text for block in blocks(ROOT / "docs" / "guides" / "local.md")}
EXPECTED = {
    "Storage": ["Bucket", "Bucket", "Bucket", "BucketObject", "LocalStorage"],
    "Training": [
        "Bucket",
        "Bucket",
        "Bucket",
        "BucketObject",
        "LocalStorage",
        "LocalTraining",
        "TrainingRun",
    ],
    "Models": ["LocalModel", "ModelVersion"],
    "Monitoring": ["LocalMonitoring", "Monitor"],
    "Endpoint": ["Endpoint", "LocalEndpoint"],
}
HOUSES = "rooms,price\n" + "".join(f"{rooms},{rooms * 1000}\n" for rooms in range(1, 40))


def planned(heading: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    (folder / "houses.csv").write_text(HOUSES)
    code = compile(EXAMPLES[heading], f"docs/guides/local.md ({heading})", "exec")
    servicer = make_servicer(Engine(None))
    program = lambda: exec(code, {"__name__": "example"})  # noqa: E731, S102 - the example is ours
    found = plan(program, providers={"mlcloud": servicer}, folder=folder)
    assert found.ok, found.diagnostics
    return found.to_dict()


def test_the_guide_has_an_example_for_each_component() -> None:
    modules = {"storage", "training", "models", "monitoring", "endpoint"}
    assert {path.stem for path in (ROOT / "components" / "mlcloud" / "local").glob("*.py")} >= modules
    assert {heading.lower() for heading in EXAMPLES} == modules


@pytest.mark.parametrize("heading", EXPECTED)
def test_a_component_is_usable_alone(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned(heading, tmp_path, monkeypatch)
    types = sorted(entry["type"].rsplit(":", 1)[-1] for entry in found["resources"])
    assert types == sorted([*EXPECTED[heading], "Stack"])
    assert {entry["op"] for entry in found["resources"]} == {"create"}


@pytest.mark.parametrize("heading", EXPECTED)
def test_a_second_plan_is_identical(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planned(heading, tmp_path, monkeypatch) == planned(heading, tmp_path, monkeypatch)


@pytest.mark.parametrize("heading", EXPECTED)
def test_children_hang_below_their_component(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planned(heading, tmp_path, monkeypatch)
    components = {entry["urn"] for entry in found["resources"] if entry["type"].startswith("mlcloud:index:")}
    children = [entry for entry in found["resources"] if entry["type"].startswith("mlcloud:local:")]
    assert children
    assert {entry["parent"] for entry in children} <= components
