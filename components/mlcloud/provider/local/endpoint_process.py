"""An endpoint's processes as the resource sees them: started, asked, and ended."""

import http.client
import signal
import time
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import is_claimed
from mlcloud.provider.local.log_lines import tail
from mlcloud.provider.local.mailbox import NotTakenError
from mlcloud.provider.local.processes import ProcessRef, processes_with, start_module
from mlcloud.provider.local.serving import (
    HOST,
    KIND,
    SUPERVISOR,
    Deployment,
    EndpointFolder,
    EndpointState,
    Request,
)
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
    context.log(f"Starting version {deployment.version}: health, then a smoke prediction.", ephemeral=True)
    end_all(folder, grace_s=END_MARGIN_S)
    folder.path.chmod(_PRIVATE)
    folder.logs.mkdir(exist_ok=True)
    folder.ask(deployment)
    ref = start_module(SUPERVISOR, folder.path, folder.supervisor_log)
    if ref is None:
        raise ResourceError(f"The endpoint's supervisor ended at once: {tail(folder.supervisor_log, 3)}")
    try:
        return _answer(context, folder, deployment.request_id, ref, deployment.start_timeout_s)
    except BaseException:
        ref.end(END_MARGIN_S)
        raise
    finally:
        folder.mailbox.stop_waiting()


def ask(context: Context, folder: EndpointFolder, request: Request, supervisor: ProcessRef) -> EndpointState:
    """Ask a supervisor for something, and wait until it is done; who asks is still waited for after that.

    Raises:
        NotTakenError: the supervisor has ended without having begun.
        ResourceError: it could not be done, and why.
    """
    folder.ask(request)
    supervisor.signal(signal.SIGHUP)
    limit_s = request.start_timeout_s if isinstance(request, Deployment) else 0.0
    return _answer(context, folder, request.request_id, supervisor, limit_s)


def _answer(
    context: Context, folder: EndpointFolder, request_id: str, supervisor: ProcessRef, limit_s: float
) -> EndpointState:
    """Wait until the supervisor has answered."""
    deadline = time.monotonic() + limit_s + _ANSWER_MARGIN_S
    while True:
        alive = supervisor.is_alive()
        state = folder.state()
        if state is not None and state.answered == request_id:
            if state.error:
                raise ResourceError(state.error)
            return state
        if not alive and folder.mailbox.is_untaken:
            raise NotTakenError(f"The endpoint's supervisor ended: {tail(folder.supervisor_log, 3)}")
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
