"""Each component of Azure alone, as its example in the guide shows it."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.guide_examples import examples, planned_example
from support.markdown import ROOT

EXAMPLES = examples("azure")
CONFIG = {
    "azure-native:subscriptionId": "00000000-0000-0000-0000-000000000001",
    "azure-native:location": "westeurope",
}
COMPONENTS = sorted(
    match.group(1)
    for path in (ROOT / "components" / "mlcloud" / "azure").glob("*.py")
    for match in re.finditer(r"^class (Azure\w+)\(pulumi\.ComponentResource\)", path.read_text("utf-8"), re.M)
)


@cache
def planned(heading: str, run: int = 1) -> dict[str, Any]:
    """The plan of an example; another run is another plan, in a folder of the same content."""
    with TemporaryDirectory() as home:
        return planned_example("azure", heading, Path(home), config=CONFIG)


def test_the_guide_has_an_example_for_each_component() -> None:
    shown = {name for name in COMPONENTS if any(f"{name}(" in text for text in EXAMPLES.values())}
    assert set(COMPONENTS) - shown == set()


@pytest.mark.parametrize("heading", EXAMPLES)
def test_a_component_is_usable_alone(heading: str) -> None:
    found = planned(heading)["resources"]
    assert {entry["op"] for entry in found} == {"create"}
    components = {entry["urn"] for entry in found if entry["type"].startswith("mlcloud:index:")}
    children = [
        entry for entry in found if entry["custom"] and not entry["type"].startswith("pulumi:providers:")
    ]
    assert children
    assert {entry["parent"] for entry in children} <= components


@pytest.mark.parametrize("heading", [heading for heading in EXAMPLES if heading != "Storage"])
def test_a_second_plan_is_identical(heading: str) -> None:
    # The storage's file lies in another folder.
    assert planned(heading) == planned(heading, run=2)
