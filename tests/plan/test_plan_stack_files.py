"""Every stack file of the repository: its plan is the reviewed inventory, and a second one is identical."""

import re
from pathlib import Path

import pytest
from support.inventory import REGENERATE, ROOT, inventory_of, read
from support.stack_plan import plan_of, plan_text, plan_text_of_a_new_process, preview

STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


def test_there_are_stack_files() -> None:
    assert "local-dev" in STACKS


@pytest.mark.parametrize("stack", STACKS)
def test_the_plan_of_a_stack_file_is_its_reviewed_inventory(stack: str, tmp_path: Path) -> None:
    found = inventory_of(plan_of(stack, tmp_path), ROOT, tmp_path)
    assert found == read(stack), f"the plan of {stack} differs from its inventory: {REGENERATE}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_second_plan_of_a_stack_file_is_identical(stack: str, tmp_path: Path) -> None:
    assert plan_text(stack, tmp_path) == plan_text_of_a_new_process(stack, tmp_path)


@pytest.mark.parametrize("stack", STACKS)
def test_a_plan_is_the_documented_contract(stack: str, tmp_path: Path) -> None:
    plan = plan_of(stack, tmp_path)
    judged = set() if stack.startswith("local-") else {"policy"}
    contract = {"project", "stack", "engine", "resources", "summary", "outputs", "diagnostics"}
    assert set(plan) == contract | judged
    keys = (
        "urn type name custom op inputs outputs parent provider version dependencies protect retainOnDelete "
        "deleteBeforeReplace ignoreChanges aliases"
    )
    assert all(set(entry) == set(keys.split()) for entry in plan["resources"])
    assert sum(plan["summary"].values()) == len(plan["resources"])
    assert list(tmp_path.rglob("*.json")) == [], "a preview writes no state"


@pytest.mark.parametrize("stack", ["aws-dev", "gcp-dev", "azure-dev"])
def test_a_preview_of_a_cloud_ends_with_what_the_controls_say(stack: str, tmp_path: Path) -> None:
    last = preview(stack, tmp_path).splitlines()[-1]
    assert re.fullmatch(
        r"Controls: \d+ checked, 0 findings, \d+ waived(, \d+ unknown until the update)?", last
    )
