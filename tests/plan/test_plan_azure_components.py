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
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
CONFIG = {"azure-native:subscriptionId": SUBSCRIPTION, "azure-native:location": "westeurope"}
COMPONENTS = sorted(
    match.group(1)
    for path in (ROOT / "components" / "mlcloud" / "azure").glob("*.py")
    for match in re.finditer(r"^class (Azure\w+)\(pulumi\.ComponentResource\)", path.read_text("utf-8"), re.M)
)


@cache
def planned(heading: str, run: int = 1) -> dict[str, Any]:
    """The plan of an example; a second run is another, in a folder of the same name."""
    with TemporaryDirectory() as home:
        folder = Path(home) / "houses"
        folder.mkdir()
        found = planned_example("azure", heading, folder, config=CONFIG)
    return found


def inputs(heading: str, name: str) -> dict[str, Any]:
    """What one resource of an example is made from."""
    (found,) = (entry["inputs"] for entry in planned(heading)["resources"] if entry["name"] == name)
    return found


def of_kind(heading: str, kind: str) -> list[dict[str, Any]]:
    """Every resource whose type ends with `kind`; an empty answer would prove nothing."""
    found = [entry for entry in planned(heading)["resources"] if entry["type"].rsplit(":", 1)[-1] == kind]
    assert found, f"{heading} declares no {kind}"
    return found


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
