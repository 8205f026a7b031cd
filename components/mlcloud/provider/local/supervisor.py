"""The supervisor of an endpoint: holds the port, starts generations of servers, and swaps them without a gap.

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
from mlcloud.provider.local.generations import Generation
from mlcloud.provider.local.log_lines import cap
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.server_process import ServerProcess, open_listener
from mlcloud.provider.local.serving import KIND, Deployment, EndpointFolder, EndpointState
from mlcloud.provider.rollout import ALL

_TICK_S: Final = 0.05
_IDLE_S: Final = 5.0
_UNCONFIRMED_S: Final = 0.5
_KEPT_LOGS: Final = 3


class Supervisor:
    """One endpoint."""

    def __init__(self, folder: EndpointFolder, me: ProcessRef) -> None:
        self._folder = folder
        self._me = me
        self._current: Generation | None = None
        self._starting: Generation | None = None
        # Those that finish their last requests, and when each must have.
        self._draining: list[tuple[Generation, float]] = []
        self._answered = ""
        self._error = ""
        self._generations = _last_generation(folder)
        self._ending = False
        self._saved = False
        # Whoever started this process has taken note that the endpoint serves.
        self._confirmed = False
        self._wakeup, wakeup_writer = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup_writer, False)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _nothing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._end)

    def run(self) -> int:
        """Serve until told to end, or until the first deployment has failed."""
        try:
            while not self._ending:
                try:
                    request = self._folder.take_request()
                    if request is not None:
                        self._answer(request)
                        if self._current is None:
                            break
                    self._look_after()
                except OSError as error:
                    self._say(f"something went wrong, and what serves goes on: {error}")
                self._wait()
        finally:
            self._stop_all()
        asker = self._folder.asker()
        if not self._confirmed and asker is not None and not asker.is_alive():
            remove_claimed(self._folder.path, KIND)
            remove_empty_folders(self._folder.path.parent)
        return 0 if self._ending else 1

    # Deployments

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            deployment = Deployment.of(request)
            self._say(f"version {deployment.version}: starts")
            self._deploy(deployment)
            self._error = ""
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a request, what serves goes on
            known = isinstance(error, ResourceError | OSError)
            self._error = str(error) if known else f"{type(error).__name__}: {error}"
        self._answered = str(request.get("request_id", ""))
        self._say(self._error or "serves")
        self._save()

    def _deploy(self, deployment: Deployment) -> None:
        """Start a generation, ask it in private, let it take over, and let the old one drain."""
        old = self._current
        self._generations += 1
        log = self._folder.logs / f"{self._generations:04d}-{deployment.version}.log"
        keeps_port = old is not None and deployment.port in (0, old.listener.getsockname()[1])
        listener = (
            old.listener
            if old is not None and keeps_port
            else open_listener(deployment.port, any_port=deployment.any_port)
        )
        new = Generation(deployment, listener, log, self._say)
        self._starting = new
        try:
            self._start_all(new)
        except BaseException:
            for server in new.servers():
                server.kill()
            if not keeps_port:
                listener.close()
            raise
        finally:
            self._starting = None
        for server in new.servers():
            server.accept()
        new.weight = ALL
        self._current = new
        if old is not None:
            self._retire(old)
            if not keeps_port:
                old.listener.close()
        self._remove_old_logs()

    def _start_all(self, new: Generation) -> None:
        deployment = new.deployment
        new.start()
        self._save()
        deadline = time.monotonic() + deployment.start_timeout_s
        for server in new.servers():
            while not server.is_ready():
                self._check_alive(server, deployment)
                if time.monotonic() > deadline:
                    raise ResourceError(
                        f"Version {deployment.version} was not ready within {deployment.start_timeout_s:g} s "
                        f"(startTimeoutS): {server.last_words()}"
                    )
                self._look_after()
                self._wait()
                self._check_wanted()
            failure = None if deployment.smoke is None else server.smoke_failure(deployment.smoke)
            if failure is not None:
                self._check_alive(server, deployment)
                raise ResourceError(f"Version {deployment.version} failed its smoke prediction: {failure}.")
        for server in new.servers():
            self._check_alive(server, deployment)
        self._check_wanted()

    def _check_wanted(self) -> None:
        asker = self._folder.asker()
        if self._ending or asker is None or not asker.is_alive():
            raise ResourceError("Nobody waits for this version any more: it was told to end.")

    def _check_alive(self, server: ServerProcess, deployment: Deployment) -> None:
        code = server.exit_code
        if code is not None:
            raise ResourceError(
                f"Version {deployment.version} did not start (exit code {code}): {server.last_words()}"
            )

    def _retire(self, old: Generation) -> None:
        deadline = time.monotonic() + old.deployment.drain_timeout_s
        old.weight = 0
        for server in old.servers():
            server.drain()
        self._draining.append((old, deadline))

    # Looking after what runs

    def _look_after(self) -> None:
        changed = False
        for old, deadline in list(self._draining):
            changed |= old.forget_ended()
            if time.monotonic() > deadline:
                for server in old.servers():
                    server.kill()
            if not old.servers():
                self._draining.remove((old, deadline))
        if self._current is not None:
            changed |= self._current.look_after()
        if changed:
            self._save()
        with contextlib.suppress(OSError):  # a full disk is no reason to end
            cap(self._folder.supervisor_log)
            if self._current is not None:
                cap(self._current.log)
        self._look_at_folder()

    def _look_at_folder(self) -> None:
        """End where nobody could ever end this: the folder is gone, or the state never learned of it."""
        if self._ending:
            return
        if not self._is_mine():
            self._say("its folder is gone or another's: the endpoint ends")
            self._ending = True
        elif not self._confirmed and self._current is not None:
            asker = self._folder.asker()
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
        if not self._confirmed:
            timeout_s = _UNCONFIRMED_S
        if self._starting is not None or self._draining:
            timeout_s = _TICK_S
        due_s = None if self._current is None else self._current.next_look_s()
        if due_s is not None:
            timeout_s = min(timeout_s, max(due_s, _TICK_S))
        if select.select([self._wakeup], [], [], timeout_s)[0]:
            os.read(self._wakeup, 4096)

    def _stop_all(self) -> None:
        if self._current is not None:
            self._retire(self._current)
            self._current.listener.close()
            self._current = None
        while self._draining:
            self._wait()
            self._look_after()
        self._save()

    def _end(self, signum: int, frame: object) -> None:
        del signum, frame
        self._ending = True

    # What others see

    def _save(self) -> None:
        running = [
            *(old for old, _ in self._draining),
            *(one for one in (self._current, self._starting) if one is not None),
        ]
        generations = tuple(generation.state() for generation in running)
        current = self._current
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

    def _remove_old_logs(self) -> None:
        for log in sorted(self._folder.logs.glob("*.log"))[:-_KEPT_LOGS]:
            log.unlink()
            log.with_suffix(".log.1").unlink(missing_ok=True)


def _nothing(signum: int, frame: object) -> None:
    """Only wake the loop."""
    del signum, frame


def _last_generation(folder: EndpointFolder) -> int:
    """The number of the newest log: an earlier supervisor's logs go first, not this one's."""
    return max((int(log.name[:4]) for log in folder.logs.glob("[0-9][0-9][0-9][0-9]-*.log")), default=0)


def main(arguments: Sequence[str]) -> int:
    """Supervise the endpoint in the given directory."""
    me = ProcessRef.of(os.getpid())
    if len(arguments) != 1 or me is None:
        sys.stderr.write("usage: python -m mlcloud.provider.local.supervisor DIRECTORY\n")
        return 2
    return Supervisor(EndpointFolder(path=Path(arguments[0])), me).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
