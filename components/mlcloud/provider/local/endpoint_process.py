"""An endpoint's processes as the resource sees them: started, asked, and ended."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

import mlcloud
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import is_claimed
from mlcloud.provider.local.log_lines import tail
from mlcloud.provider.local.processes import ProcessRef, environment, processes_with
from mlcloud.provider.local.serving import HOST, KIND, SUPERVISOR, Deployment, EndpointFolder, EndpointState
from mlcloud.provider.resource import Context

END_MARGIN_S: Final = 10.0
_POLL_S: Final = 0.05
# The supervisor answers a start that takes too long by itself; this is for one that hangs.
_ANSWER_MARGIN_S: Final = 60.0
_HEALTH_TIMEOUT_S: Final = 5.0
_PRIVATE: Final = 0o700


def kept_port(folder: EndpointFolder) -> int:
    """The port of an endpoint that the state has lost, 0 when there was none."""
    state = folder.state() if is_claimed(folder.path, KIND) else None
    return 0 if state is None else state.port


def living_state(folder: EndpointFolder) -> EndpointState | None:
    """What a living supervisor says; None when there is none."""
    state = folder.state()
    return state if state is not None and state.supervisor.is_alive() else None


def start(context: Context, folder: EndpointFolder, deployment: Deployment) -> EndpointState:
    """Start a supervisor in a session of its own, so that neither Ctrl-C nor the plugin's end reaches it."""
    end_all(folder, grace_s=END_MARGIN_S)
    folder.path.chmod(_PRIVATE)
    folder.logs.mkdir(exist_ok=True)
    folder.ask(deployment, _me())
    package_root = str(Path(mlcloud.__file__).parents[1])
    with folder.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", SUPERVISOR, str(folder.path)],
            cwd=folder.path,
            env=environment({"PYTHONPATH": package_root}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ref = ProcessRef.of(process.pid)
    # Whoever ends it: while this plugin lives, it is the parent that must take note.
    threading.Thread(target=process.wait, daemon=True).start()
    if ref is None:
        raise ResourceError(f"The endpoint's supervisor ended at once: {tail(folder.supervisor_log, 3)}")
    try:
        return _answer(context, folder, deployment, ref)
    except BaseException:
        ref.end(END_MARGIN_S)
        raise
    finally:
        folder.stop_waiting()


def swap(
    context: Context, folder: EndpointFolder, deployment: Deployment, supervisor: ProcessRef
) -> EndpointState:
    """Let another generation take over behind the same port; one that fails leaves the old one serving."""
    folder.ask(deployment, _me())
    try:
        supervisor.signal(signal.SIGHUP)
        return _answer(context, folder, deployment, supervisor)
    except ResourceError as error:
        now = living_state(folder)
        kept = f"\nVersion {now.version} keeps serving." if now is not None and now.ready else ""
        raise ResourceError(f"{error}{kept}") from None
    finally:
        folder.stop_waiting()


def _me() -> ProcessRef:
    me = ProcessRef.of(os.getpid())
    assert me is not None  # noqa: S101 - this process runs
    return me


def _answer(
    context: Context, folder: EndpointFolder, deployment: Deployment, supervisor: ProcessRef
) -> EndpointState:
    """Wait until the supervisor has answered."""
    context.log(f"Starting version {deployment.version}: health, then a smoke prediction.", ephemeral=True)
    deadline = time.monotonic() + deployment.start_timeout_s + _ANSWER_MARGIN_S
    while True:
        alive = supervisor.is_alive()
        state = folder.state()
        if state is not None and state.answered == deployment.request_id:
            if state.error:
                raise ResourceError(state.error)
            return state
        if not alive:
            raise ResourceError(f"The endpoint's supervisor ended: {tail(folder.supervisor_log, 3)}")
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The endpoint's supervisor does not answer; its log: {folder.supervisor_log}"
            )
        context.pause(_POLL_S)


def end_all(folder: EndpointFolder, grace_s: float) -> None:
    """End the supervisor, which ends its servers; then those that a killed supervisor has left."""
    state = folder.state()
    if state is None:
        # A supervisor that has said nothing yet, and whose starter was killed.
        for process in processes_with(SUPERVISOR, str(folder.path)) if folder.path.exists() else ():
            process.end(grace_s)
        return
    state.supervisor.end(grace_s)
    left = folder.state()
    for server in state.servers if left is None else (*state.servers, *left.servers):
        server.end(grace_s)


def health_failure(port: int) -> str | None:
    """Why the endpoint does not answer its health check; None when it does."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/ping")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status == http.client.OK else f"it answers {status}"
