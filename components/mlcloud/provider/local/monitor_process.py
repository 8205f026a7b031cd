"""A monitor's process as the resource sees it: started, asked, and ended."""

import signal
import time
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import is_claimed
from mlcloud.provider.local.log_lines import tail
from mlcloud.provider.local.mailbox import NotTakenError
from mlcloud.provider.local.monitor_folder import KIND, MONITOR, MonitorFolder, MonitorState, Watched
from mlcloud.provider.local.processes import ProcessRef, processes_with, start_module
from mlcloud.provider.resource import Context

END_GRACE_S: Final = 10.0
_POLL_S: Final = 0.05
# It answers within a second; a machine that is busy takes longer.
_ANSWER_S: Final = 60.0
_PRIVATE: Final = 0o700


def kept_port(folder: MonitorFolder) -> int:
    """The port of a monitor that was there before, 0 when there was none."""
    state = folder.state() if is_claimed(folder.path, KIND) else None
    return 0 if state is None else state.port


def living_state(folder: MonitorFolder) -> MonitorState | None:
    """What a living monitor says; None when there is none."""
    state = folder.state()
    return state if state is not None and state.process.is_alive() else None


def start(context: Context, folder: MonitorFolder, watched: Watched) -> MonitorState:
    """Start a monitor in a session of its own, so that neither Ctrl-C nor the plugin's end reaches it."""
    end(folder)
    folder.path.chmod(_PRIVATE)
    folder.logs.mkdir(exist_ok=True)
    folder.ask(watched)
    ref = start_module(MONITOR, folder.path, folder.log)
    if ref is None:
        raise ResourceError(f"The monitor ended at once: {tail(folder.log, 3)}")
    try:
        return _answer(context, folder, watched, ref)
    except BaseException:
        ref.end(END_GRACE_S)
        raise
    finally:
        folder.mailbox.stop_waiting()


def change(context: Context, folder: MonitorFolder, watched: Watched, process: ProcessRef) -> MonitorState:
    """Let a monitor that runs watch other things; where that fails it watches what it did."""
    folder.ask(watched)
    try:
        process.signal(signal.SIGHUP)
        return _answer(context, folder, watched, process)
    finally:
        folder.mailbox.stop_waiting()


def _answer(context: Context, folder: MonitorFolder, watched: Watched, process: ProcessRef) -> MonitorState:
    """Wait until the monitor has answered."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        alive = process.is_alive()
        state = folder.state()
        if state is not None and state.answered == watched.request_id:
            if state.error:
                raise ResourceError(state.error)
            return state
        if not alive and folder.mailbox.is_untaken:
            raise NotTakenError(f"The monitor ended: {tail(folder.log, 3)}")
        if not alive:
            raise ResourceError(f"The monitor ended: {tail(folder.log, 3)}")
        if time.monotonic() > deadline:
            raise ResourceError(f"The monitor does not answer; its log: {folder.log}")
        context.pause(_POLL_S)


def end(folder: MonitorFolder) -> None:
    """End the monitor, wherever its starter got to."""
    state = folder.state()
    if state is not None:
        state.process.end(END_GRACE_S)
        return
    # One that has said nothing yet, and whose starter was killed.
    for process in processes_with(MONITOR, str(folder.path)) if folder.path.exists() else ():
        process.end(END_GRACE_S)
