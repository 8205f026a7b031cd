"""Runs a Pulumi program in this process, as Pulumi's Python executor runs it in one of its own."""

import asyncio
import contextlib
import contextvars
import io
import os
import re
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import pulumi
from packaging.version import Version
from pulumi.runtime import configure, run_in_stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import ROOT, Settings

from mlcloud.embedded.errors import ADVICE, EngineError, StoppedError
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.state.backend import ORGANIZATION

TESTED_SDK = ("3.272", "3.273")
"""The range of Pulumi SDK versions that the engine was tested with; the upper end is outside."""

_THREADS = 64
"""Registrations that may wait at once: each occupies a thread until its resource is done."""

_ONE_AT_A_TIME = threading.RLock()
"""The current directory, the import path and standard output belong to the whole process."""

_SDK_REFUSAL = re.compile(
    r"The Pulumi CLI does not support (?:the )?(.+?)(?: option)?\. Please update the Pulumi CLI\."
)


def check_sdk_version(installed: str | None = None) -> None:
    """Refuse an SDK that the engine was not tested with.

    Raises:
        EngineError: when the installed Pulumi SDK lies outside :data:`TESTED_SDK`.
    """
    found = installed or version("pulumi")
    lowest, end = TESTED_SDK
    if not Version(lowest) <= Version(found) < Version(end):
        raise EngineError(
            f"The embedded engine was tested with the Pulumi SDK from {lowest} to below {end}; installed is "
            f"{found}. Install a tested one (pulumi>={lowest},<{end}), or run this stack with pulumi."
        )


def folder_program(folder: Path) -> Callable[[], None]:
    """The program in a folder (its ``__main__.py``), to be run any number of times."""

    def run() -> None:
        if not (folder / "__main__.py").is_file():
            raise EngineError(f"There is no program: {folder / '__main__.py'} does not exist.")
        runpy.run_path(str(folder), run_name="__main__")

    return run


def run_program(
    program: Callable[[], Any],
    target: Target,
    *,
    monitor: Any,
    log: Any,
    preview: bool,
    on_line: Callable[[str], None],
    is_telling: Callable[[], bool],
) -> str:
    """Run a program to its end, and return what went wrong: empty when nothing did, or the engine stopped it.

    What operations it began are over when this returns. A second program waits until the first one ended.

    Args:
        program: The program's function.
        target: The stack; its folder is the current directory while the program runs.
        monitor: Answers the SDK: the methods of the ResourceMonitor protocol.
        log: Takes what the program logs: the methods of the Engine protocol.
        preview: Whether the program is told that nothing is changed.
        on_line: Takes a line that the program printed.
        is_telling: Whether this thread shows an event: what it prints is not the program's.
    """

    def start() -> str:
        ROOT.set(None)
        configure(
            Settings(
                monitor=monitor,
                engine=log,
                project=target.project,
                stack=target.stack,
                organization=ORGANIZATION,
                root_directory=str(target.root),
                dry_run=preview,
                parallel=1,
            )
        )
        set_all_config(dict(target.config), list(target.secret_keys))
        try:
            _run_loop(program)
        except SystemExit as error:
            if not isinstance(error.code, int | None):
                return str(error.code)
            return f"The program ended with the exit code {error.code}." if error.code else ""
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - all that is raised is told
            return _describe(error, target.folder)
        return ""

    with (
        _ONE_AT_A_TIME,
        _program_surroundings(target.folder),
        _Lines(on_line, is_telling, sys.stdout) as lines,
        contextlib.redirect_stdout(lines),
    ):
        return contextvars.copy_context().run(start)


def _run_loop(program: Callable[[], Any]) -> None:
    loop = asyncio.new_event_loop()
    # A failed run leaves futures behind that nobody asks any more; asyncio would complain of each.
    loop.set_exception_handler(lambda _loop, _context: None)
    executor = ThreadPoolExecutor(_THREADS, "mlcloud-register")
    loop.set_default_executor(executor)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run_in_stack(program))
    finally:
        executor.shutdown(wait=True)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()


@contextlib.contextmanager
def _program_surroundings(folder: Path) -> Generator[None]:
    """The current directory and the import path of a program; its own modules are forgotten afterwards."""
    before, modules, path = Path.cwd(), set(sys.modules), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            source = getattr(sys.modules[name], "__file__", None)
            if source and _is_program_file(source, folder):
                del sys.modules[name]


def _is_program_file(source: str, folder: Path) -> bool:
    path = Path(source)
    return folder in path.parents and "site-packages" not in path.parts


class _Lines(io.TextIOBase):
    """Standard output while a program runs: whole lines become events."""

    def __init__(
        self, on_line: Callable[[str], None], is_telling: Callable[[], bool], original: TextIO
    ) -> None:
        self._on_line = on_line
        self._original = original
        self._is_telling = is_telling
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._is_telling():
            return self._original.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._on_line(line)
        return len(text)

    def flush(self) -> None:
        self._original.flush()

    def close(self) -> None:
        if not self.closed and self._rest:
            self.write("\n")
        super().close()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    # The SDK raises an exception from itself, which makes the chain a ring.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _describe(error: BaseException, folder: Path) -> str:
    """A program's exception in a line or two: what it says, and where in the program it was raised."""
    errors = list(_chain(error))
    if any(isinstance(item, StoppedError) for item in errors):
        return ""
    text = str(error)
    if refused := _SDK_REFUSAL.fullmatch(text):
        return f"The program uses {refused.group(1)}: {ADVICE}"
    if isinstance(error, EngineError | pulumi.RunError) or type(error).__module__.startswith("mlcloud."):
        return text
    kind = "" if type(error) is Exception else f"{type(error).__name__}: "
    frames = [frame for item in errors for frame in traceback.extract_tb(item.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{kind}{error.msg} ({_short(error.filename, folder)}:{error.lineno})"
    own = [frame for frame in frames if _is_program_file(frame.filename, folder)]
    where = f" ({_short(own[-1].filename, folder)}:{own[-1].lineno})" if own else ""
    return f"The program failed: {kind}{text}{where}"


def _short(source: str, folder: Path) -> str:
    path = Path(source)
    return str(path.relative_to(folder.parent)) if folder.parent in path.parents else source
