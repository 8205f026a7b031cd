"""Provider plugins: started for a run, heard while it runs, gone when it ends."""

import threading
import time
from pathlib import Path

import psutil
import pytest
from mlcloud.embedded.events import Diagnostic, Progress, ResourceStarted
from mlcloud.embedded.providers.plugins import PluginProcess
from support.engine import MemoryState, Stack, Thing
from support.engine_plugin import write_plugin


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[PluginProcess]:
    """Every plugin process of the test; none of them may be left."""
    found: list[PluginProcess] = []
    start = PluginProcess.__init__

    def remember(self: PluginProcess, *arguments: object) -> None:
        start(self, *arguments)
        found.append(self)

    monkeypatch.setattr(PluginProcess, "__init__", remember)
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, provider=None, plugins={"test": write_plugin(tmp_path / "plugin")})


def ended(processes: list[PluginProcess]) -> bool:
    return all(not Path(f"/proc/{process.pid}").exists() for process in processes)


def test_a_plugin_serves_a_run_and_is_gone_after_it(stack: Stack, processes: list[PluginProcess]) -> None:
    def program() -> None:
        a = Thing("a", size=1)
        Thing("b", size=a.serial)

    assert stack.preview(program).summary == {"create": 3}
    assert len(processes) == 1 and ended(processes)
    assert stack.up(program).ok, stack.errors
    assert len(processes) == 2 and ended(processes)
    progress = [
        (item.urn.rsplit("::", 1)[-1], item.message) for item in stack.events if isinstance(item, Progress)
    ]
    assert progress == [("a", "step 1 of 2"), ("b", "step 1 of 2")]
    kept = [(item.severity, item.message) for item in stack.events if isinstance(item, Diagnostic)]
    assert ("info", "worth keeping") in kept
    assert ("info", "test: ready to sell") in kept
    assert stack.up(program).summary == {"same": 3}
    assert stack.destroy().ok
    assert len(processes) == 4 and ended(processes)


def test_a_plugin_that_is_not_needed_is_not_started(stack: Stack, processes: list[PluginProcess]) -> None:
    assert stack.up(lambda: None).ok
    assert processes == []


def test_a_failure_of_a_plugin_is_its_message(stack: Stack, processes: list[PluginProcess]) -> None:
    assert not stack.up(lambda: Thing("a", size=-1)).ok
    assert stack.errors == ["size: must be 0 or more (it is -1)"]
    assert ended(processes)


def test_cancelling_reaches_a_plugin_that_is_at_work(stack: Stack, processes: list[PluginProcess]) -> None:
    def cancel_when_started() -> None:
        while not any(isinstance(item, Progress) for item in stack.events):
            time.sleep(0.01)
        assert stack.engine is not None
        stack.engine.cancel()

    engine = stack.open(lambda: Thing("endless"))
    canceller = threading.Thread(target=cancel_when_started)
    canceller.start()
    began = time.monotonic()
    result = engine.up()
    canceller.join()
    assert not result.ok
    assert time.monotonic() - began < 100, "nobody told it before it was done by itself"
    assert "ended because the run was cancelled" in stack.errors
    assert any(isinstance(item, ResourceStarted) and item.name == "endless" for item in stack.events)
    assert ended(processes)


def test_a_plugin_that_dies_at_work_is_told_so(stack: Stack, processes: list[PluginProcess]) -> None:
    assert stack.up(lambda: Thing("deadly", size=1)).ok
    assert not stack.up(lambda: Thing("deadly", size=2)).ok
    assert stack.errors == ["the provider plugin 'test' ended while it was working"]
    assert stack.resources["deadly"].inputs == {"size": 1}


def test_what_a_plugin_was_making_when_it_died_stays_on_record(
    stack: Stack, processes: list[PluginProcess]
) -> None:
    assert not stack.up(lambda: Thing("stillborn")).ok
    assert stack.errors == ["the provider plugin 'test' ended while it was working"]
    pending = stack.state.snapshot.pending_operations
    assert [(item.type, item.resource.name) for item in pending] == [("creating", "stillborn")]
    assert stack.up(lambda: Thing("a")).ok
    [told] = [item for item in stack.events if isinstance(item, Diagnostic) and item.severity == "warning"]
    assert told.urn.endswith("::stillborn") and "whether it exists is not known" in told.message
    assert ended(processes)


def test_cancelling_twice_ends_a_plugin_that_does_not_listen(
    stack: Stack, processes: list[PluginProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcloud.embedded.providers.plugins.STOP_TIMEOUT_S", 0.5)

    def cancel_twice() -> None:
        while not any(isinstance(item, Progress) for item in stack.events):
            time.sleep(0.01)
        assert stack.engine is not None
        stack.engine.cancel()
        stack.engine.cancel()

    engine = stack.open(lambda: Thing("stubborn"))
    canceller = threading.Thread(target=cancel_twice)
    canceller.start()
    began = time.monotonic()
    result = engine.up()
    canceller.join()
    assert not result.ok
    assert time.monotonic() - began < 100, "nobody told it before it was done by itself"
    assert "the provider plugin 'test' ended while it was working" in stack.errors
    assert [item.resource.name for item in stack.state.snapshot.pending_operations] == ["stubborn"]
    assert ended(processes)


def written_plugin(folder: Path, program: str) -> Stack:
    plugin = write_plugin(folder / "plugin")
    main = plugin / "__main__.py"
    main.write_text(f"import subprocess, sys\n{program}\n{main.read_text()}")
    return Stack(folder, provider=None, plugins={"test": plugin})


@pytest.mark.parametrize(
    ("program", "told"),
    [("print('loading')", "'loading'"), (r"sys.stdout.buffer.write(b'\xff\xfe\n')", "'\ufffd\ufffd'")],
)
def test_a_plugin_that_prints_something_else_than_its_port_is_told_what(
    tmp_path: Path, program: str, told: str
) -> None:
    stack = written_plugin(tmp_path, program)
    assert not stack.up(lambda: Thing("a")).ok
    assert f"it printed {told} where its port belongs" in stack.errors[0]


def test_what_a_plugin_started_and_left_does_not_hold_the_run(tmp_path: Path) -> None:
    stack = written_plugin(
        tmp_path, "child = subprocess.Popen(['sleep', '600'])\nprint(child.pid, file=sys.stderr)"
    )
    began = time.monotonic()
    assert stack.up(lambda: Thing("a")).ok, stack.errors
    assert time.monotonic() - began < 100
    child = next(
        item.message.split()[-1]
        for item in stack.events
        if isinstance(item, Diagnostic) and item.message.split()[-1].isdigit()
    )
    psutil.Process(int(child)).kill()


def test_a_plugin_that_does_not_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "PulumiPlugin.yaml").write_text(
        "runtime:\n  name: python\n  options:\n    virtualenv: nowhere\n"
    )
    (folder / "__main__.py").write_text("raise SystemExit('the shop burned down')\n")
    stack = Stack(tmp_path, provider=None, plugins={"test": folder})
    assert not stack.up(lambda: Thing("a")).ok
    assert stack.errors == ["The provider plugin 'test' did not start: the shop burned down"]


def test_a_plugin_that_is_not_there_is_told_with_how_to_find_mlclouds(tmp_path: Path) -> None:
    stack = Stack(tmp_path, provider=None, plugins={"test": tmp_path / "python3.10" / "plugin"})
    assert not stack.up(lambda: Thing("a")).ok
    assert f"There is no plugin in {tmp_path}/python3.10/plugin" in stack.errors[0]
    assert "mlcloud plugin path" in stack.errors[0]


def test_a_plugin_of_another_language_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "PulumiPlugin.yaml").write_text("runtime: go\n")
    stack = Stack(tmp_path, provider=None, plugins={"test": folder})
    assert not stack.up(lambda: Thing("a")).ok
    assert "'go'" in stack.errors[0] and "run this stack with pulumi" in stack.errors[0]
    assert isinstance(stack.state, MemoryState)
