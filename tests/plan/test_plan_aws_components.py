"""Each component of AWS alone, as its example in the guide shows it."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.guide_examples import examples, planned_example
from support.markdown import ROOT

EXAMPLES = examples("aws")
COMPONENTS = sorted(
    match.group(1)
    for path in (ROOT / "components" / "mlcloud" / "aws").glob("*.py")
    for match in re.finditer(r"^class (Aws\w+)\(pulumi\.ComponentResource\)", path.read_text("utf-8"), re.M)
)


def planned(heading: str, folder: Path) -> dict[str, Any]:
    return planned_example("aws", heading, folder, config={"aws:region": "eu-central-1"})


def test_the_guide_has_an_example_for_each_component() -> None:
    # A bucket is shown by the storage that is made of three.
    shown = {name for name in COMPONENTS if any(f"{name}(" in text for text in EXAMPLES.values())}
    assert set(COMPONENTS) - shown == {"AwsBucket"}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_a_component_is_usable_alone_and_a_second_plan_is_identical(heading: str, tmp_path: Path) -> None:
    found = planned(heading, tmp_path)
    assert {entry["op"] for entry in found["resources"]} == {"create"}
    assert any(entry["custom"] for entry in found["resources"])
    assert found == planned(heading, tmp_path)


@pytest.mark.parametrize("heading", EXAMPLES)
def test_children_hang_below_their_component(heading: str, tmp_path: Path) -> None:
    found = planned(heading, tmp_path)
    components = {entry["urn"] for entry in found["resources"] if entry["type"].startswith("mlcloud:index:")}
    children = [
        entry
        for entry in found["resources"]
        if entry["custom"] and not entry["type"].startswith("pulumi:providers:")
    ]
    assert {entry["parent"] for entry in children} <= components
