"""The command line itself: what it loads, what it says of mistakes, and its exit statuses."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlcloud.cli import __main__ as command_line
from mlcloud.cli.__main__ import main
from mlcloud.cli.arguments import parser
from mlcloud.core.errors import UserError

SLOW_TO_LOAD = (
    "pulumi",
    "pydantic",
    "grpc",
    "httpx",
    "mlcloud.embedded.engine.engine",
    "mlcloud.core.settings",
)


def loaded_by(*arguments: str, folder: Path) -> set[str]:
    """Which of the slow modules a command has loaded when it ends."""
    program = (
        "import sys; from mlcloud.cli.__main__ import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        f"print('LOADED', *[name for name in {SLOW_TO_LOAD!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=200, check=True
    )
    return set(result.stdout.rpartition("LOADED")[2].split())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    return tmp_path


@pytest.mark.parametrize("command", ["--help", "outputs", "status", "predict", "logs", "models"])
def test_a_command_that_changes_nothing_starts_without_the_engine(command: str, project: Path) -> None:
    assert loaded_by(command, *(["dev"] if command != "--help" else []), folder=project) == set()


def test_the_check_of_what_is_loaded_sees_the_engine(project: Path) -> None:
    (project / "__main__.py").write_text("")
    assert "pulumi" in loaded_by("preview", "dev", folder=project)


def test_a_command_looks_for_garbage_less_often_than_python_does_by_default(project: Path) -> None:
    program = (
        "import gc; from mlcloud.cli.__main__ import main\n"
        "before, _, most = gc.get_threshold(); main(['outputs', 'dev'])\n"
        "after, _, still = gc.get_threshold(); print(after >= 10 * before, 0 < still <= most)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, timeout=200, check=True
    )
    assert result.stdout.splitlines()[-1] == "True True"


def run_with(failure: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a command that fails so."""

    def fail(_args: argparse.Namespace) -> int:
        raise failure

    made = parser

    def with_failure() -> argparse.ArgumentParser:
        found = made()
        parse: Callable[..., argparse.Namespace] = found.parse_args
        monkeypatch.setattr(found, "parse_args", lambda words: _set(parse(words), fail))
        return found

    monkeypatch.setattr(command_line, "parser", with_failure)
    return main(["status", "dev"])


def _set(args: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> argparse.Namespace:
    args.run = run
    return args


def test_an_error_names_the_stack_at_hand_in_the_command_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(UserError("/data/STACK.csv: run `mlcloud up STACK` first."), monkeypatch) == 1
    assert capsys.readouterr().err == "error: /data/STACK.csv: run `mlcloud up dev` first.\n"


def test_an_interrupted_command_ends_with_the_status_of_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_no_command_at_all_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "predict" in capsys.readouterr().out


@pytest.mark.parametrize("count", ["-5", "many", "1.5"])
def test_a_number_of_lines_that_is_none_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["logs", "dev", f"--lines={count}"])
    assert ended.value.code == 2
    assert "not a number of lines" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["upp", "dev"], "up"), (["Status", "dev"], "status"), (["plugin", "pth"], "path"), (["xyzzy"], None)],
)
def test_an_unknown_command_is_refused_with_the_nearest(
    words: list[str], meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert (f"Did you mean `{meant}`?" in told) == (meant is not None)
    assert ("Did you mean" in told) == (meant is not None)
