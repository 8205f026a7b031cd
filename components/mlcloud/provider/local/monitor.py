"""The monitor of a stack: looks at its servers, judges alarms, tells of them, and serves the status page.

A process of its own beside the supervisor, which outlives the update: `python -m
mlcloud.provider.local.monitor DIRECTORY`. It changes nothing that is served. Requests arrive as a file and a
SIGHUP; the answer is the state file. SIGTERM ends it.
"""

import asyncio
import contextlib
import functools
import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.alarm_actions import Actions, Command
from mlcloud.provider.local.alarm_history import Change, History, Outcome
from mlcloud.provider.local.alarm_webhook import Webhook
from mlcloud.provider.local.claims import is_claimed, remove_claimed, remove_empty_folders
from mlcloud.provider.local.files import read_json, write_json
from mlcloud.provider.local.log_lines import cap
from mlcloud.provider.local.monitor_folder import KIND, MonitorFolder, MonitorState, Watched
from mlcloud.provider.local.monitor_sources import endpoint_in, failed_runs, runs, versions
from mlcloud.provider.local.monitor_status import Seen, status
from mlcloud.provider.local.monitor_watch import Watch
from mlcloud.provider.local.page import PageServer
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.scraper import Scraper

INTERVAL_S: Final = 1.0
# Within this time a server that has nothing to do has answered; one that has is heard at the next look.
_QUICK_S: Final = 0.3
# Runs and the registry change with updates alone.
_FILES_EVERY_S: Final = 3.0


class Monitor:
    """One stack's monitor."""

    def __init__(self, folder: MonitorFolder, me: ProcessRef) -> None:
        self._folder = folder
        self._me = me
        self._watched: Watched | None = None
        self._watch = Watch(time.monotonic(), time.time())
        self._watch.restore(read_json(folder.alarms))
        self._history = History(folder.history)
        self._actions = Actions(self._settle_later)
        self._scraper = Scraper()
        self._page: PageServer | None = None
        self._runs, self._versions = runs(), versions()
        self._files_at = -math.inf
        self._seen = Seen(now=time.monotonic(), wall=time.time())
        self._shown: Mapping[str, Any] = {}
        self._answered = ""
        self._error = ""
        self._ending = False
        self._unsaved = self._saved = False
        # Whoever started this process has taken note that it watches.
        self._confirmed = False
        self._said: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> int:
        """Watch until told to end, or until the first request has failed."""
        self._loop.add_signal_handler(signal.SIGTERM, self._end)
        self._loop.add_signal_handler(signal.SIGHUP, self._wake.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while not self._ending:
                due = time.monotonic() + INTERVAL_S
                await self._step()
                if self._watched is None:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), max(0.0, due - time.monotonic()))
                self._wake.clear()
        finally:
            self._actions.stop()
            await self._scraper.close()
            if self._page is not None:
                self._page.close()
        asker = self._folder.mailbox.asker()
        if not self._confirmed and asker is not None and not asker.is_alive():
            remove_claimed(self._folder.path, KIND)
            remove_empty_folders(self._folder.path.parent)
        return 0 if self._ending else 1

    async def _step(self) -> None:
        """One turn; whatever is wrong in it, the next one comes."""
        try:
            request = self._folder.mailbox.take()
            if request is not None:
                self._answer(request)
            if self._watched is not None:
                await self._look(self._watched)
            if self._unsaved:
                self._save()
            self._look_at_folder()
        except Exception as error:  # noqa: BLE001 - watching goes on
            self._say("turn", f"something went wrong, and watching goes on: {type(error).__name__}: {error}")

    # Requests

    def _answer(self, request: Mapping[str, Any]) -> None:
        try:
            self._configure(Watched.of(request))
            self._error = ""
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a request, watching goes on
            known = isinstance(error, ResourceError | OSError)
            self._error = str(error) if known else f"{type(error).__name__}: {error}"
        self._answered = str(request.get("request_id", ""))
        self._unsaved = True
        self._say("request", self._error or "watches")

    def _configure(self, watched: Watched) -> None:
        """Watch other things from now on; where that fails, the same as before."""
        if self._page is None or watched.port not in (0, self._page.port):
            page = PageServer(
                lambda: self._shown,
                self._report,
                port=watched.port,
                any_port=watched.any_port,
            )
            page.start()
            if self._page is not None:
                self._page.close()
            self._page = page
        self._watched = watched
        self._watch.configure(watched.rules)
        self._actions.configure(
            None if watched.webhook is None else Webhook(url=watched.webhook),
            None
            if watched.command is None
            else Command(words=watched.command, directory=Path(watched.command_directory)),
        )

    def _report(self, label: str) -> Path | None:
        """The report of a version; called from threads of the page."""
        return self._seen.report(label)

    # Watching

    async def _look(self, watched: Watched) -> None:
        endpoint = endpoint_in(Path(watched.endpoint_directory))
        servers = (
            []
            if endpoint is None
            else [server for generation in endpoint.generations for server in generation.servers]
        )
        self._scraper.ask({server.name: server.port for server in servers})
        await self._scraper.settle(_QUICK_S)
        now, wall = time.monotonic(), time.time()
        if now - self._files_at >= _FILES_EVERY_S:
            self._files_at = now
            found_runs = self._runs.look(Path(watched.runs_directory))
            found_versions = self._versions.look(Path(watched.registry_directory))
        else:
            found_runs, found_versions = self._seen.runs, self._seen.versions
        self._seen = Seen(now=now, wall=wall, endpoint=endpoint, runs=found_runs, versions=found_versions)
        changes = self._watch.look(
            endpoint, self._scraper.answers(), failed_runs(found_runs), now=now, wall=wall
        )
        for change in changes:
            self._tell(watched, change)
        self._shown = status(watched, self._seen, self._watch, self._history.latest(50))
        self._write(self._folder.alarms, {"written": wall, "alarms": self._watch.alarms()})
        self._keep_files()

    def _tell(self, watched: Watched, change: Change) -> None:
        number = self._history.add(change)
        self._say(change.name, f"{change.name}: {change.after} ({change.value})")
        alarm = next(alarm for alarm in self._watch.alarms() if alarm["name"] == change.name)
        told = ("name", "metric", "comparison", "threshold", "unit", "state", "value", "since", "description")
        message = {
            "project": watched.project,
            "stack": watched.stack,
            "before": change.before,
            **{name: alarm[name] for name in told},
        }
        self._actions.tell(number, message)

    def _settle_later(self, number: int, outcome: Outcome) -> None:
        """Note an outcome; called from the thread of actions."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(functools.partial(self._history.settle, number, outcome))

    # What others see

    def _keep_files(self) -> None:
        """Save the history, keep the log short. A full disk ends nothing: the next turn tries again."""
        try:
            self._history.save()
            cap(self._folder.log)
        except OSError as error:
            self._say("history", f"the history cannot be written: {error.strerror}")

    def _write(self, path: Path, content: object) -> None:
        try:
            write_json(path, content)
        except OSError as error:
            self._say(path.name, f"{path.name} cannot be written: {error.strerror}")

    def _save(self) -> None:
        """Say what runs."""
        if self._is_mine():
            port = 0 if self._page is None else self._page.port
            self._folder.write_state(
                MonitorState(process=self._me, port=port, answered=self._answered, error=self._error)
            )
            self._unsaved, self._saved = False, True

    def _look_at_folder(self) -> None:
        """End where nobody could ever end this: the folder is gone, or the state never learned of it."""
        if not self._is_mine():
            self._say("end", "its folder is gone or another's: the monitor ends")
            self._ending = True
        elif not self._confirmed:
            asker = self._folder.mailbox.asker()
            self._confirmed = asker is None
            if asker is not None and not asker.is_alive():
                self._say("end", "who started it was killed before taking note: the monitor ends")
                self._ending = True

    def _is_mine(self) -> bool:
        state = self._folder.state() if self._saved else None
        return is_claimed(self._folder.path, KIND) and (state is None or state.process == self._me)

    def _end(self) -> None:
        self._ending = True
        self._wake.set()

    def _say(self, about: str, message: str) -> None:
        """Say something; the same of the same thing only once."""
        if self._said.get(about) == message:
            return
        self._said[about] = message
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {message}\n")
            sys.stderr.flush()


async def _run(folder: MonitorFolder, me: ProcessRef) -> int:
    return await Monitor(folder, me).run()


def main(arguments: Sequence[str]) -> int:
    """Watch as the folder's request asks."""
    me = ProcessRef.of(os.getpid())
    if len(arguments) != 1 or me is None:
        sys.stderr.write("usage: python -m mlcloud.provider.local.monitor DIRECTORY\n")
        return 2
    return asyncio.run(_run(MonitorFolder(path=Path(arguments[0])), me))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
