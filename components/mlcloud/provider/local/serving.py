"""What an endpoint's resource and its supervisor agree on: its files, and what is to be served."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.local.files import read_json, write_json
from mlcloud.provider.local.processes import ProcessRef

KIND: Final = "endpoint"
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One version of a model, and how it is to be served.

    Attributes:
        request_id: names the request, so that its answer is told from an earlier one's.
        command: the server's command; `serve` is appended.
        environment: the server's own variables.
        version: label of the model's version.
        port: TCP port on the loopback interface; 0 chooses a free one.
        any_port: nobody asked for this port, so that another will do where it is taken.
        replicas: server processes, which share the port.
        start_timeout_s: seconds until every server must be ready.
        drain_timeout_s: seconds that an old server may take for requests in flight.
        smoke: `instance` and expected `prediction`; None where the model brings none.
    """

    request_id: str
    command: list[str]
    environment: dict[str, str]
    version: str
    port: int
    any_port: bool
    replicas: int
    start_timeout_s: float
    drain_timeout_s: float
    smoke: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """What runs for an endpoint now.

    Attributes:
        supervisor: the process that holds the port.
        servers: the processes that it has started and that may still run.
        port: the TCP port; 0 before there is one.
        version: the version that serves; empty before there is one.
        ready: how many servers accept requests.
        answered: the request that was answered last.
        error: why that request failed; empty when it did not.
    """

    supervisor: ProcessRef
    servers: tuple[ProcessRef, ...]
    port: int
    version: str
    ready: int
    answered: str
    error: str


@dataclass(frozen=True, kw_only=True)
class EndpointFolder:
    """The folder of an endpoint."""

    path: Path

    @property
    def logs(self) -> Path:
        """The servers' logs, one for each generation."""
        return self.path / "logs"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor says."""
        return self.path / "supervisor.log"

    @property
    def _request(self) -> Path:
        return self.path / "request.json"

    @property
    def _state(self) -> Path:
        return self.path / "state.json"

    def ask(self, deployment: Deployment) -> None:
        """Leave a request for the supervisor."""
        write_json(self._request, asdict(deployment))

    def take_request(self) -> Deployment | None:
        """Take the request that waits, if any; it may hold secrets, so it does not stay."""
        content = read_json(self._request)
        self._request.unlink(missing_ok=True)
        return None if content is None else Deployment(**content)

    def write_state(self, state: EndpointState) -> None:
        """Keep what runs."""
        write_json(self._state, asdict(state))

    def state(self) -> EndpointState | None:
        """What runs, as far as the supervisor has said; None before it has."""
        content = read_json(self._state)
        if content is None:
            return None
        servers = cast(list[Mapping[str, Any]], content.pop("servers"))
        supervisor = cast(Mapping[str, Any], content.pop("supervisor"))
        return EndpointState(
            supervisor=ProcessRef(**supervisor),
            servers=tuple(ProcessRef(**server) for server in servers),
            **content,
        )
