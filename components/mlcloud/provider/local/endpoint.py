"""An endpoint: a model served over HTTP on this machine by processes that outlive the update."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from typing_extensions import override

import mlcloud
from mlcloud.provider.errors import ResourceError, Unhealthy
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.files import claim, is_claimed, path_of, remove_claimed
from mlcloud.provider.local.log_lines import tail
from mlcloud.provider.local.model_version import VERSION_LENGTH
from mlcloud.provider.local.models import verify_model
from mlcloud.provider.local.processes import ProcessRef, environment
from mlcloud.provider.local.serving import HOST, KIND, Deployment, EndpointFolder, EndpointState
from mlcloud.provider.resource import Context, Resource

DEFAULT_COMMAND: Final = (sys.executable, "-m", "mlcloud_trainer")
_POLL_S: Final = 0.05
# The supervisor answers a start that takes too long by itself; this is for one that hangs.
_ANSWER_MARGIN_S: Final = 60.0
_END_MARGIN_S: Final = 10.0
_HEALTH_TIMEOUT_S: Final = 5.0
_PRIVATE: Final = 0o700


def _replicas(value: int) -> str | None:
    return None if 1 <= value <= 64 else f"{value} is not from 1 to 64."


def _command(value: Sequence[str]) -> str | None:
    return None if value and value[0] else "a command has at least one word."


@dataclass(frozen=True, kw_only=True)
class EndpointInputs:
    """What an endpoint is made from.

    Attributes:
        name: the name under which the model is served.
        directory: absolute path of a folder for the endpoint's state and logs.
        model_uri: `file://` URI of the model's folder or archive.
        model_sha256: the model's SHA-256, which the server checks before it opens anything.
        model_version: label of the version. Default: the first 12 characters of the SHA-256.
        port: TCP port on 127.0.0.1. Default: a free one, chosen once and kept.
        replicas: server processes, 1 to 64, which share the port. Default 1.
        start_timeout_s: seconds until every server must be ready. Default 60.
        drain_timeout_s: seconds that an old server may take for requests in flight. Default 30.
        environment: further variables of the server.
        command: the server's command; `serve` is appended. Default: the bundled trainer.
    """

    name: str = field(metadata=options(replace=True, check=checks.name))
    directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    model_uri: str = field(metadata=options(check=checks.local_uri))
    model_sha256: str = field(metadata=options(check=checks.sha256))
    model_version: str | None = None
    port: int | None = field(default=None, metadata=options(check=checks.port))
    replicas: int = field(default=1, metadata=options(check=_replicas))
    start_timeout_s: float = field(default=60.0, metadata=options(check=checks.positive))
    drain_timeout_s: float = field(default=30.0, metadata=options(check=checks.positive))
    environment: dict[str, str] = field(default_factory=dict[str, str])
    command: list[str] | None = field(default=None, metadata=options(check=_command))


@dataclass(frozen=True, kw_only=True)
class EndpointOutputs:
    """What an endpoint offers.

    Attributes:
        name: the name under which the model is served.
        url: `http://127.0.0.1:<port>`, without a slash at the end.
        port: the TCP port.
        model_uri: the served model's URI.
        model_sha256: the served model's SHA-256.
        model_version: label of the served version.
        replicas: server processes.
        status: `serving`.
        directory: the folder of the endpoint's state.
        logs: the folder of the servers' logs.
        drain_timeout_s: seconds that a server may take for requests in flight when the endpoint ends.
    """

    name: str
    url: str
    port: int
    model_uri: str
    model_sha256: str
    model_version: str
    replicas: int
    status: str
    directory: str
    logs: str
    drain_timeout_s: float


class Endpoint(
    Resource[EndpointInputs, EndpointOutputs], token="mlcloud:local:Endpoint", delete_before_replace=True
):
    """Serves a model; a new version takes over only after it has answered health and a smoke prediction."""

    @override
    def preview(self, new: EndpointInputs, old: EndpointOutputs | None) -> Mapping[str, object]:
        """All but a port that is still to be chosen."""
        port = new.port if new.port is not None else (old.port if old is not None else None)
        known = vars(_outputs(new, port if port is not None else 0))
        return known if port is not None else {key: known[key] for key in known if key not in ("port", "url")}

    @override
    def drift(self, identifier: str, outputs: EndpointOutputs) -> list[str]:
        """The servers may have ended, with the machine or by hand."""
        state = _running(EndpointFolder(path=Path(identifier)))
        if state is None or state.ready == 0:
            return ["status"]
        return [] if state.version == outputs.model_version else ["model_version"]

    @override
    def create(self, context: Context, new: EndpointInputs) -> tuple[str, EndpointOutputs]:
        """Start the supervisor and its first generation; a failure leaves nothing."""
        folder = EndpointFolder(path=Path(new.directory))
        deployment = _deployment(new, _kept_port(folder))
        claim(folder.path, KIND)
        try:
            state = _start(context, folder, deployment)
        except BaseException:
            _end_all(folder, grace_s=_END_MARGIN_S)
            remove_claimed(folder.path, KIND)
            raise
        return new.directory, _outputs(new, state.port)

    @override
    def read(
        self, context: Context, identifier: str, inputs: EndpointInputs, outputs: EndpointOutputs
    ) -> EndpointOutputs | None:
        """Gone when its folder is; ill when nothing answers."""
        folder = EndpointFolder(path=Path(identifier))
        if not is_claimed(folder.path, KIND):
            return None
        if _running(folder) is None:
            raise Unhealthy(
                identifier, outputs, ["The endpoint's supervisor does not run: the next update starts it."]
            )
        failure = _health_failure(outputs.port)
        if failure is not None:
            raise Unhealthy(
                identifier, outputs, [f"{outputs.url} is not ready: {failure}. Logs: {outputs.logs}"]
            )
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: EndpointInputs,
        outputs: EndpointOutputs,
        new: EndpointInputs,
    ) -> EndpointOutputs:
        """Swap the generation behind the same port; a new one that fails leaves the old one serving."""
        folder = EndpointFolder(path=Path(identifier))
        deployment = _deployment(new, outputs.port)
        state = _running(folder)
        if state is None:
            _end_all(folder, grace_s=_END_MARGIN_S)
            claim(folder.path, KIND)
            return _outputs(new, _start(context, folder, deployment).port)
        folder.ask(deployment)
        os.kill(state.supervisor.pid, signal.SIGHUP)
        try:
            return _outputs(new, _answer(context, folder, deployment, state.supervisor).port)
        except ResourceError as error:
            raise ResourceError(f"{error}\nVersion {outputs.model_version} keeps serving.") from None

    @override
    def delete(self, context: Context, identifier: str, outputs: EndpointOutputs) -> None:
        """End every process, which frees the port, and remove the folder."""
        folder = EndpointFolder(path=Path(identifier))
        _end_all(folder, grace_s=outputs.drain_timeout_s + _END_MARGIN_S)
        remove_claimed(folder.path, KIND)


def _outputs(new: EndpointInputs, port: int) -> EndpointOutputs:
    return EndpointOutputs(
        name=new.name,
        url=f"http://{HOST}:{port}",
        port=port,
        model_uri=new.model_uri,
        model_sha256=new.model_sha256,
        model_version=_version(new),
        replicas=new.replicas,
        status="serving",
        directory=new.directory,
        logs=str(EndpointFolder(path=Path(new.directory)).logs),
        drain_timeout_s=new.drain_timeout_s,
    )


def _version(new: EndpointInputs) -> str:
    return new.model_version if new.model_version is not None else new.model_sha256[:VERSION_LENGTH]


def _deployment(new: EndpointInputs, kept_port: int) -> Deployment:
    """What the supervisor is asked for; the model is checked here, before anything is started."""
    try:
        manifest = verify_model(path_of(new.model_uri), new.model_sha256)
    except ResourceError as error:
        raise ResourceError(f"modelUri: {error}") from None
    smoke = manifest.get("smoke")
    return Deployment(
        request_id=uuid.uuid4().hex,
        command=list(new.command if new.command is not None else DEFAULT_COMMAND),
        environment={
            **new.environment,
            "MLCLOUD_MODEL_URI": new.model_uri,
            "MLCLOUD_MODEL_SHA256": new.model_sha256,
            "MLCLOUD_MODEL_NAME": new.name,
            "MLCLOUD_MODEL_VERSION": _version(new),
        },
        version=_version(new),
        port=new.port if new.port is not None else kept_port,
        any_port=new.port is None,
        replicas=new.replicas,
        start_timeout_s=new.start_timeout_s,
        drain_timeout_s=new.drain_timeout_s,
        smoke=cast(dict[str, Any], smoke) if isinstance(smoke, dict) else None,
    )


def _kept_port(folder: EndpointFolder) -> int:
    """The port of an endpoint that the state has lost, 0 when there was none."""
    state = folder.state() if is_claimed(folder.path, KIND) else None
    return 0 if state is None else state.port


def _running(folder: EndpointFolder) -> EndpointState | None:
    """What a living supervisor says; None when there is none."""
    state = folder.state()
    return state if state is not None and state.supervisor.is_alive() else None


def _start(context: Context, folder: EndpointFolder, deployment: Deployment) -> EndpointState:
    """Start a supervisor in a session of its own, so that neither Ctrl-C nor the plugin's end reaches it."""
    _end_all(folder, grace_s=_END_MARGIN_S)
    folder.path.chmod(_PRIVATE)
    folder.logs.mkdir(exist_ok=True)
    folder.ask(deployment)
    package_root = str(Path(mlcloud.__file__).parents[1])
    with folder.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlcloud.provider.local.supervisor", str(folder.path)],
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
        ref.end(_END_MARGIN_S)
        raise


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


def _end_all(folder: EndpointFolder, grace_s: float) -> None:
    """End the supervisor, which ends its servers; then those that a killed supervisor has left."""
    state = folder.state()
    if state is None:
        return
    state.supervisor.end(grace_s)
    left = folder.state()
    for server in state.servers if left is None else (*state.servers, *left.servers):
        server.end(grace_s)


def _health_failure(port: int) -> str | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/ping")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status == http.client.OK else f"it answers {status}"
