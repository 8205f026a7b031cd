"""Each component of GCP alone, as its example in the guide shows it."""

import re
from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.markdown import ROOT, blocks
from support.plan import plan

GUIDE = ROOT / "docs" / "guides" / "gcp.md"
EXAMPLES = {block.heading: block.text for block in blocks(GUIDE) if block.language == "python"}
HOUSES = "rooms,price\n" + "".join(f"{rooms},{rooms * 1000}\n" for rooms in range(1, 40))
COMPONENTS = sorted(
    match.group(1)
    for path in (ROOT / "components" / "mlcloud" / "gcp").glob("*.py")
    for match in re.finditer(r"^class (Gcp\w+)\(pulumi\.ComponentResource\)", path.read_text("utf-8"), re.M)
)


def planned(heading: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    (folder / "houses.csv").write_text(HOUSES)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY requirements.txt /\n")
    (folder / "requirements.txt").write_text("scikit-learn\n")
    code = compile(EXAMPLES[heading], f"docs/guides/gcp.md ({heading})", "exec")
    providers = {**providers_for("gcp"), "mlcloud": make_servicer(Engine(None))}
    program = lambda: exec(code, {"__name__": "example"})  # noqa: E731, S102 - the example is ours
    found = plan(
        program,
        providers=providers,
        config={"gcp:project": "houses-123456", "gcp:region": "europe-west4"},
        folder=folder,
    )
    assert found.ok, found.diagnostics
    return found.to_dict()


def test_the_guide_has_an_example_for_each_component() -> None:
    # A bucket is shown by the storage that is made of three.
    shown = {name for name in COMPONENTS if any(f"{name}(" in text for text in EXAMPLES.values())}
    assert set(COMPONENTS) - shown == {"GcpBucket"}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_a_component_is_usable_alone_and_a_second_plan_is_identical(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planned(heading, tmp_path, monkeypatch)
    assert {entry["op"] for entry in found["resources"]} == {"create"}
    assert any(entry["custom"] for entry in found["resources"])
    assert found == planned(heading, tmp_path, monkeypatch)


@pytest.mark.parametrize("heading", EXAMPLES)
def test_children_hang_below_their_component(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planned(heading, tmp_path, monkeypatch)
    components = {entry["urn"] for entry in found["resources"] if entry["type"].startswith("mlcloud:index:")}
    children = [
        entry
        for entry in found["resources"]
        if entry["custom"] and not entry["type"].startswith("pulumi:providers:")
    ]
    assert {entry["parent"] for entry in children} <= components
