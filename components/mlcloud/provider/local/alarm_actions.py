"""Telling somebody of an alarm: a webhook, a command. In a thread of its own: nothing waits for it."""

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlcloud.provider.local.alarm_history import Outcome
from mlcloud.provider.local.alarm_webhook import Webhook
from mlcloud.provider.local.log_lines import printable
from mlcloud.provider.local.processes import ProcessRef, environment

# More than this many changes that wait are a storm: the newest are noted as not told.
_WAITING: Final = 64
_COMMAND_TIMEOUT_S: Final = 30.0
_OUTPUT_BYTES: Final = 4096
_DETAIL_CHARACTERS: Final = 300
_END_S: Final = 1.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program that gets the alarm as JSON on stdin, and as variables `MLCLOUD_ALARM_*`.

    Attributes:
        words: the program and its arguments.
        directory: where it runs.
        timeout_s: seconds after which it, and what it has started, is ended. Default 30.
    """

    words: Sequence[str]
    directory: Path
    timeout_s: float = _COMMAND_TIMEOUT_S

    def run(self, message: Mapping[str, Any], stopping: threading.Event) -> Outcome:
        """Run it to its end, or until the monitor ends."""
        try:
            process = subprocess.Popen(
                list(self.words),
                cwd=self.directory if self.directory.is_dir() else None,
                env=environment(_variables(message)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return Outcome(kind="command", ok=False, detail=f"it cannot be started: {reason}")
        ref, said = ProcessRef.of(process.pid), _Listener(process)
        try:
            assert process.stdin is not None  # noqa: S101 - it was asked for
            with contextlib.suppress(OSError):  # one that does not read is none of our business
                process.stdin.write(json.dumps(dict(message)).encode() + b"\n")
                process.stdin.close()
            code = _code(process, self.timeout_s, stopping)
        finally:
            if ref is not None:
                ref.end(0)
            process.wait()
            said.stop()
        ending = f"it was ended after {self.timeout_s:g} s" if code is None else f"exit code {code}"
        last = said.last_line()
        return Outcome(kind="command", ok=code == 0, detail=f"{ending}: {last}" if last else ending)


def _code(process: "subprocess.Popen[bytes]", timeout_s: float, stopping: threading.Event) -> int | None:
    """The exit code of a command; None where it has to be ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not stopping.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_S)
    return None


class _Listener:
    """Reads what a command says, and keeps the end of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._stream = process.stdout
        self._end = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._stream is not None  # noqa: S101 - it was asked for
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(self._stream.fileno(), _OUTPUT_BYTES):
                self._end = (self._end + part)[-_OUTPUT_BYTES:]

    def stop(self) -> None:
        """Read what there still is; whoever left the group and holds the pipe is not waited for."""
        self._thread.join(_END_S)
        if self._stream is not None and not self._thread.is_alive():
            self._stream.close()

    def last_line(self) -> str:
        """The last line that says something."""
        lines = [line for line in self._end.decode(errors="replace").splitlines() if line.strip()]
        return printable(lines[-1].strip())[:_DETAIL_CHARACTERS] if lines else ""


def _variables(message: Mapping[str, Any]) -> dict[str, str]:
    """The message's scalars as variables: `MLCLOUD_ALARM_NAME`, `MLCLOUD_ALARM_STATE`, ..."""
    return {
        f"MLCLOUD_ALARM_{name.upper()}": str(value).replace("\0", "")
        for name, value in message.items()
        if isinstance(value, str | int | float)
    }


class Actions:
    """A queue of messages and the thread that passes them on, one after the other."""

    def __init__(self, settle: Callable[[int, Outcome], None]) -> None:
        self._settle = settle
        self._queue: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue(_WAITING)
        self._webhook: Webhook | None = None
        self._command: Command | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="actions", daemon=True)
        self._thread.start()

    def configure(self, webhook: Webhook | None, command: Command | None) -> None:
        """Say whom to tell from now on."""
        self._webhook, self._command = webhook, command

    @property
    def kind(self) -> str:
        """What is told: `webhook`, `command`, both, or nothing."""
        told = {"webhook": self._webhook, "command": self._command}
        return " and ".join(name for name, there in told.items() if there is not None)

    def tell(self, number: int, message: dict[str, Any]) -> None:
        """Pass a message on as soon as those before it are; never waits.

        Args:
            number: what the outcome is noted under.
            message: what there is to tell.
        """
        if not self.kind:
            return
        try:
            self._queue.put_nowait((number, message))
        except queue.Full:
            detail = f"{_WAITING} others wait already: not told"
            self._settle(number, Outcome(kind=self.kind, ok=False, detail=detail))

    def stop(self) -> None:
        """Begin nothing more, end a command, and give up what is tried again; an open webhook is left."""
        self._stopping.set()
        self._thread.join(_END_S)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                number, message = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            self._settle(number, self._pass_on(message))

    def _pass_on(self, message: dict[str, Any]) -> Outcome:
        webhook, command = self._webhook, self._command
        outcomes: list[Outcome] = []
        try:
            if webhook is not None:
                outcomes.append(webhook.send(message, self._stopping))
            if command is not None:
                outcomes.append(command.run(message, self._stopping))
        except Exception as error:  # noqa: BLE001 - one message that fails does not silence the next
            outcomes.append(Outcome(kind="action", ok=False, detail=type(error).__name__))
        return Outcome(
            kind=" and ".join(outcome.kind for outcome in outcomes),
            ok=all(outcome.ok for outcome in outcomes),
            detail="; ".join(outcome.detail for outcome in outcomes),
        )
