"""The supervisor of an endpoint: holds the port, and does with its versions what it is asked for.

A process of its own that outlives the update: `python -m mlcloud.provider.local.supervisor DIRECTORY`.
Requests arrive as a file and a SIGHUP; the answer is the state file. SIGTERM ends the endpoint.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import is_claimed, remove_claimed, remove_empty_folders
from mlcloud.provider.local.load import LoadWatch
from mlcloud.provider.local.log_lines import cap
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.serving import (
    KIND,
    Deployment,
    EndpointFolder,
    EndpointState,
    Move,
    Settle,
    request_of,
)
from mlcloud.provider.local.versions import Loop, Versions

_TICK_S: Final = 0.05
_IDLE_S: Final = 5.0
# While somebody waits for more: it may be killed, which sends no signal.
_WATCHED_S: Final = 0.5
# After this time there may be the memory for servers that could not be started.
_TRY_AGAIN_S: Final = 30.0


class Supervisor:
    """One endpoint."""

    def __init__(self, folder: EndpointFolder, me: ProcessRef) -> None:
        self._folder = folder
        self._me = me
        self._versions = Versions(folder, Loop(say=self._say, save=self._save, pause=self._pause))
        self._answered = ""
        self._error = ""
        self._ending = False
        self._saved = False
        # Whoever started this process has taken note that the endpoint serves.
        self._confirmed = False
        self._load: LoadWatch | None = None
        # More servers than could be started, and when to try again.
        self._too_many, self._try_again = 0, 0.0
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _nothing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._end)

    def run(self) -> int:
        """Serve until told to end, or until the first deployment has failed."""
        try:
            while not self._ending:
                try:
                    request = self._folder.mailbox.take()
                    if request is not None:
                        self._confirmed |= self._versions.current is not None
                        self._answer(request)
                        if self._versions.current is None:
                            break
                    self._look_after()
                except OSError as error:
                    self._say(f"something went wrong, and what serves goes on: {error}")
                self._wait()
        finally:
            self._stop_all()
        asker = self._folder.mailbox.asker()
        if not self._confirmed and asker is not None and not asker.is_alive():
            remove_claimed(self._folder.path, KIND)
            remove_empty_folders(self._folder.path.parent)
        return 0 if self._ending else 1

    # Requests

    def _answer(self, content: dict[str, Any]) -> None:
        try:
            match request_of(content):
                case Deployment() as deployment:
                    self._versions.deploy(deployment)
                case Move(percent=percent):
                    self._versions.move(percent)
                case Settle():
                    self._versions.settle()
            self._error = ""
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a request, what serves goes on
            known = isinstance(error, ResourceError | OSError)
            self._error = str(error) if known else f"{type(error).__name__}: {error}"
            self._say(self._error)
        self._answered = str(content.get("request_id", ""))
        self._save()

    def _pause(self) -> None:
        """Do what is due while a version starts, as long as somebody waits for that.

        Raises:
            ResourceError: nobody does.
        """
        self._look_after()
        self._wait()
        asker = self._folder.mailbox.asker()
        if self._ending or asker is None or not asker.is_alive():
            raise ResourceError("Nobody waits for this version any more: it was told to end.")

    # Looking after what runs

    def _look_after(self) -> None:
        if self._versions.look_after():
            self._save()
        self._look_at_candidate()
        self._scale()
        with contextlib.suppress(OSError):  # a full disk is no reason to end
            cap(self._folder.supervisor_log)
            for generation in self._versions.living():
                cap(generation.log)
        self._look_at_folder()

    def _look_at_candidate(self) -> None:
        """Take it back where it crashes, or where nobody is there any more who could settle it."""
        candidate = self._versions.candidate
        if candidate is None:
            return
        asker = self._folder.mailbox.asker()
        if candidate.crashed:
            self._versions.take_back(candidate.crashed)
        elif asker is None or not asker.is_alive():
            self._versions.take_back("nobody waits for it any more")

    def _scale(self) -> None:
        """Have as many servers as the load wants, where more than one number is allowed."""
        current = self._versions.current
        scaling = None if current is None or self._ending else current.deployment.scaling
        if self._load is not None and (scaling is None or scaling != self._load.scaling):
            self._load.end()
            self._load = None
        if current is None or scaling is None or scaling.least == scaling.most:
            return
        if self._load is None:
            self._load = LoadWatch(
                scaling, current.deployment.replicas, ports=self._versions.private_ports, changed=self._wake
            )
        wanted = self._load.servers
        if wanted == current.deployment.replicas:
            return
        if wanted == self._too_many and time.monotonic() < self._try_again:
            return
        try:
            self._versions.scale(wanted)
            self._too_many = 0
        except (ResourceError, OSError) as error:
            if wanted != self._too_many:  # told once
                self._say(f"{wanted} servers are wanted: {error}")
            self._too_many, self._try_again = wanted, time.monotonic() + _TRY_AGAIN_S

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def _look_at_folder(self) -> None:
        """End where nobody could ever end this: the folder is gone, or the state never learned of it."""
        if self._ending:
            return
        if not self._is_mine():
            self._say("its folder is gone or another's: the endpoint ends")
            self._ending = True
        elif not self._confirmed and self._versions.current is not None:
            asker = self._folder.mailbox.asker()
            self._confirmed = asker is None
            if asker is not None and not asker.is_alive():
                self._say("who started it was killed before taking note: the endpoint ends")
                self._ending = True

    def _is_mine(self) -> bool:
        state = self._folder.state() if self._saved else None
        return is_claimed(self._folder.path, KIND) and (state is None or state.supervisor == self._me)

    def _wait(self) -> None:
        """Sleep until a signal arrives or something is due."""
        timeout_s = _IDLE_S
        if not self._confirmed or self._versions.candidate is not None:
            timeout_s = _WATCHED_S
        if self._versions.is_changing:
            timeout_s = _TICK_S
        due_s = self._versions.next_look_s()
        if due_s is not None:
            timeout_s = min(timeout_s, max(due_s, _TICK_S))
        if select.select([self._wakeup], [], [], timeout_s)[0]:
            os.read(self._wakeup, 4096)

    def _stop_all(self) -> None:
        self._versions.end()
        while self._versions.is_changing:
            self._wait()
            self._look_after()
        self._save()

    def _end(self, signum: int, frame: object) -> None:
        del signum, frame
        self._ending = True

    # What others see

    def _save(self) -> None:
        generations = tuple(generation.state() for generation in self._versions.living())
        current = self._versions.current
        state = EndpointState(
            supervisor=self._me,
            servers=tuple(server.process for generation in generations for server in generation.servers),
            port=0 if current is None else current.listener.getsockname()[1],
            version="" if current is None else current.deployment.version,
            sha256="" if current is None else current.deployment.sha256,
            replicas=0 if current is None else current.deployment.replicas,
            ready=0 if current is None else current.ready(),
            answered=self._answered,
            error=self._error,
            generations=generations,
            candidate=self._versions.candidate_id,
            failure=self._versions.failure,
        )
        try:
            if self._is_mine():
                self._folder.write_state(state)
                self._saved = True
        except OSError as error:
            self._say(f"the state cannot be written: {error}")

    def _say(self, message: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {message}\n")
            sys.stderr.flush()


def _nothing(signum: int, frame: object) -> None:
    """Only wake the loop."""
    del signum, frame


def main(arguments: Sequence[str]) -> int:
    """Supervise the endpoint in the given directory."""
    me = ProcessRef.of(os.getpid())
    if len(arguments) != 1 or me is None:
        sys.stderr.write("usage: python -m mlcloud.provider.local.supervisor DIRECTORY\n")
        return 2
    return Supervisor(EndpointFolder(path=Path(arguments[0])), me).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
