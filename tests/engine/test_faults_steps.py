"""Our own resources, killed before every step that they take on files: nothing is left or missing."""

import os
import shutil
from pathlib import Path

import pytest
from support.faults_cloud import FaultyStack
from support.faults_local import Served, Storage, Training, killed_at, local_cloud, running, tree
from support.waiting import eventually

FEW = 1 if "MLCLOUD_TEST_FAULTS" in os.environ else 4
"""Of steps that take long one by one every fourth is taken, and by `make test-faults` each."""

Program = type[Storage] | type[Training] | type[Served]


def fresh(folder: Path) -> FaultyStack:
    """A stack in an empty folder: always the same one, for names follow from paths in inputs."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    return FaultyStack(folder, local_cloud)


def reference(folder: Path, program: Program, *editions: str) -> set[str]:
    """What is there after updates that nobody disturbs."""
    stack = fresh(folder)
    for edition in editions:
        assert stack.up(program(folder, edition)).ok, stack.errors()
    found = tree(stack.cloud)
    assert stack.destroy().ok
    assert tree(stack.cloud) == set()
    return found


def check(
    stack: FaultyStack, program: Program, step: int, expected: dict[str, set[str]], *, killed: bool
) -> None:
    """What whoever was interrupted does next: the same again, something else, or away with it."""
    edition = ("one", "two", "")[step % 3]
    if edition:
        assert stack.up(program(stack.folder, edition)).ok, (step, stack.errors())
        assert (len(stack.warnings()) > 0) == killed
        # A model that was published stays in its bucket, which takes it with it; a version that another one
        # follows stays in the registry: so it is without kills, too.
        stays = ("models/models/", "registry/tumours/")
        published = {item for item in expected["one"] if item.startswith(stays)}
        assert expected[edition] <= tree(stack.cloud) <= expected[edition] | published, step
        assert set(stack.up(program(stack.folder, edition)).summary) == {"same"}, step
    assert stack.destroy().ok, (step, stack.errors())
    assert tree(stack.cloud) == set(), step
    eventually(lambda: running(stack.folder) == [])
    assert stack.snapshot.pending_operations == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("program", "first", "every"),
    [
        pytest.param(Storage, "", 1, id="storage-made"),
        pytest.param(Storage, "zero", 1, id="storage-replaced"),
        pytest.param(Training, "", FEW, id="training-made"),
        pytest.param(Training, "zero", 4, id="training-replaced"),
        pytest.param(Served, "", FEW, id="endpoint-made"),
        pytest.param(Served, "zero", FEW, id="endpoint-updated"),
    ],
)
def test_an_update_that_is_killed_before_any_step_leaves_nothing_behind(
    tmp_path: Path, program: Program, first: str, every: int
) -> None:
    expected = {
        edition: reference(tmp_path / "stack", program, *filter(None, [first]), edition)
        for edition in ("one", "two")
    }
    step, killed, kills = 0, True, 0
    while killed:
        stack = fresh(tmp_path / "stack")
        if first:
            assert stack.up(program(stack.folder, first)).ok, stack.errors()
        killed = killed_at(stack, program(stack.folder, "one"), step)
        check(stack, program, step, expected, killed=killed)
        kills += killed
        step += every
    assert kills * every >= 7
