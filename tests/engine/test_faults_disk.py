"""A disk that is full while the state is written: nothing is lost, and the next update repairs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlcloud.embedded.state import backend
from support.faults_cloud import FaultyStack, FileCloud, Wanted, file_cloud
from support.faults_steps import Steps

TESTS = Path(__file__).parents[1]
BEFORE = Wanted({"a": ({"size": 1}, ()), "b": ({"color": "red"}, ("a",)), "gone": ({}, ())})
AFTER = Wanted({"a": ({"size": 2}, ()), "b": ({"color": "blue"}, ("a",)), "new": ({}, ("b",))})


@pytest.fixture
def rescue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a state goes that finds no room."""
    folder = tmp_path / "rescue"
    folder.mkdir()
    monkeypatch.setattr(backend.tempfile, "tempdir", str(folder))
    return folder


def recorded(stack: FaultyStack) -> dict[str, str]:
    return {item.id: item.urn for item in stack.snapshot.resources if item.type == "test:index:Thing"}


def unrecorded(stack: FaultyStack) -> list[str]:
    """The URNs of what exists and of which the state knows nothing, not even that it was being made."""
    known = set(recorded(stack))
    told = [item.resource.urn for item in stack.snapshot.pending_operations if item.type == "creating"]
    found = []
    for thing_id, thing in FileCloud(stack.cloud).existing().items():
        if thing_id in known:
            continue
        if thing["urn"] in told:
            told.remove(thing["urn"])
        else:
            found.append(thing["urn"])
    return found


def writes_of(stack: FaultyStack, wanted: Wanted) -> int:
    steps = Steps(stack.folder / "home")
    with steps.no_room(None):
        assert stack.up(wanted).ok, stack.errors()
    return steps.count


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how_many", [1, 10_000], ids=["one write", "all that follow"])
def test_a_full_disk_at_any_write_of_an_update_loses_nothing(
    tmp_path: Path, rescue: Path, how_many: int
) -> None:
    def prepared(name: str) -> FaultyStack:
        (tmp_path / name).mkdir()
        stack = FaultyStack(tmp_path / name, file_cloud)
        assert stack.up(BEFORE).ok
        return stack

    count = writes_of(prepared("counted"), AFTER)
    assert count > 40
    failed = 0
    for number in range(count):
        stack = prepared(f"at-{number}")
        before = set(recorded(stack))
        with Steps(stack.folder / "home").no_room(number, how_many):
            try:
                ok = stack.up(AFTER).ok
                told = stack.errors() + [item.message for item in stack.warnings()]
            except backend.EngineError as error:
                ok, told = False, [str(error)]
        # The state is whole, and whatever exists is in it, or in the list of what was being made.
        assert all("No space left on device" in text for text in told), told
        assert told or ok, number
        assert set(recorded(stack)) - set(FileCloud(stack.cloud).existing()) <= before, number
        if not list(rescue.iterdir()):
            assert unrecorded(stack) == [], number
        failed += not ok
        saved = list(rescue.iterdir())
        assert len(saved) <= 1, "one state that found no room, the newest, is enough"
        for path in saved:
            # It is as whole as any other state.
            assert json.loads(path.read_text())["version"] == 3
            path.replace(stack.state.path)
            assert unrecorded(stack) == [], number

        # There is room again.
        assert stack.up(AFTER).ok, (number, stack.errors())
        assert set(recorded(stack)) <= set(FileCloud(stack.cloud).existing()), number
        assert sorted(urn.rsplit("::", 1)[-1] for urn in recorded(stack).values()) == ["a", "b", "new"]
        assert set(stack.up(AFTER).summary) == {"same"}, number
        assert stack.snapshot.pending_operations == []
        shutil.rmtree(stack.folder)
    assert failed > count / 4


def test_an_operation_that_found_no_room_for_its_record_does_not_start_and_is_not_told_of(
    tmp_path: Path, rescue: Path
) -> None:
    stack = FaultyStack(tmp_path, file_cloud)
    one = Wanted({"a": ({"size": 1}, ())})
    assert stack.up(Wanted({})).ok
    begun: list[str] = []
    real = FileCloud.Create

    def create(self: FileCloud, request: object, context: object) -> object:
        begun.append("create")
        return real(self, request, context)

    with pytest.MonkeyPatch.context() as patch, Steps(tmp_path / "home").no_room(20, 10_000):
        patch.setattr(FileCloud, "Create", create)
        assert not stack.up(one).ok
    for path in rescue.iterdir():
        path.replace(stack.state.path)
    assert begun == []
    assert FileCloud(stack.cloud).existing() == {}
    assert stack.snapshot.pending_operations == []
    assert stack.up(one).ok
    assert [item.message for item in stack.warnings()] == []


SMALL_DISK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.faults_cloud import FaultyStack, Wanted, file_cloud
folder = Path(sys.argv[2])
stack = FaultyStack(folder, file_cloud)
many = Wanted.in_a_row(60)
result = stack.up(many)
print(len(stack.snapshot.resources))
print("\\n".join(stack.errors()))
sys.exit(0 if result.ok else 7)
"""


def unprivileged_mounts() -> bool:
    """Whether a process may mount a file system that only it sees."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and (
        subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def test_a_disk_that_is_really_full_loses_nothing(tmp_path: Path) -> None:
    if not unprivileged_mounts():
        pytest.skip("this system lets nobody mount a small disk; the writes above fail one by one, too")
    for name in ("home", "kept"):
        (tmp_path / name).mkdir()
    # The disk ends with the process: its content is copied out, with what may have been saved elsewhere.
    script = (
        'mount -t tmpfs -o size=40k tmpfs "$1/home" && TMPDIR="$1/home" "$2" -c "$3" "$4" "$1"; status=$?; '
        'cp -a "$1/home/." "$1/kept/"; exit $status'
    )
    arguments = ["sh", "-c", script, "sh", str(tmp_path), sys.executable, SMALL_DISK, str(TESTS)]
    result = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 7, result.stdout + result.stderr
    assert "No space left on device" in result.stdout
    assert "Make room, then run `mlcloud up STACK`" in result.stdout
    (tmp_path / "home").rmdir()
    (tmp_path / "kept").rename(tmp_path / "home")
    stack = FaultyStack(tmp_path, file_cloud)
    assert 0 < len(recorded(stack)) < 60
    assert unrecorded(stack) == []
    many = Wanted.in_a_row(60)
    assert stack.up(many).ok
    assert len(recorded(stack)) == 60
    assert set(stack.up(many).summary) == {"same"}
