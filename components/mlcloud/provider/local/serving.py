"""What an endpoint's resource and its supervisor agree on: its files, and what is to be served."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import read_json, write_json
from mlcloud.provider.local.mailbox import Mailbox
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.scaling import Scaling

KIND: Final = "endpoint"
HOST: Final = "127.0.0.1"
SUPERVISOR: Final = "mlcloud.provider.local.supervisor"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One version of a model, and how it is to be served.

    Attributes:
        request_id: names the request, so that its answer is told from an earlier one's.
        command: the server's command; `serve` is appended.
        environment: the server's own variables.
        version: label of the model's version.
        sha256: the model's SHA-256.
        port: TCP port on the loopback interface; 0 chooses a free one.
        any_port: nobody asked for this port, so that another will do where it is taken.
        replicas: server processes, which share the port, to begin with.
        least: fewest of them, as the load goes.
        most: most of them.
        target_in_flight: requests that each is to answer at once, on average.
        scale_in_after_s: seconds that one must not have been needed before it goes.
        start_timeout_s: seconds until every server must be ready.
        drain_timeout_s: seconds that an old server may take for requests in flight.
        smoke: `instance` and expected `prediction`; None where the model brings none.
    """

    request_id: str
    command: list[str]
    environment: dict[str, str]
    version: str
    sha256: str
    port: int
    any_port: bool
    replicas: int
    least: int
    most: int
    target_in_flight: float
    scale_in_after_s: float
    start_timeout_s: float
    drain_timeout_s: float
    smoke: dict[str, Any] | None

    @property
    def scaling(self) -> Scaling:
        """Between which numbers its servers come and go."""
        return Scaling(
            least=self.least,
            most=self.most,
            target=self.target_in_flight,
            scale_in_after_s=self.scale_in_after_s,
        )


@dataclass(frozen=True, kw_only=True)
class Move:
    """A share of the traffic for the candidate: the version that was deployed last and is not settled.

    Attributes:
        request_id: names the request.
        percent: the candidate's share; the version before it has the rest.
    """

    request_id: str
    percent: int


@dataclass(frozen=True, kw_only=True)
class Settle:
    """The candidate is what serves from now on; the version before it ends.

    Attributes:
        request_id: names the request.
    """

    request_id: str


Request = Deployment | Move | Settle
_KINDS: Final[dict[str, type[Deployment | Move | Settle]]] = {
    "deploy": Deployment,
    "move": Move,
    "settle": Settle,
}


def request_of(content: Mapping[str, Any]) -> Request:
    """What a request asks for.

    Raises:
        ResourceError: it comes from another version of this package.
    """
    kind = _KINDS.get(content.get("kind", "deploy"), Deployment)
    known = {item.name for item in fields(kind)}
    try:
        return kind(**{name: value for name, value in content.items() if name in known})
    except TypeError as error:
        raise ResourceError(
            f"The endpoint's supervisor is of another version of mlcloud ({error}): replace the endpoint."
        ) from None


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """One server process.

    Attributes:
        process: the process.
        private_port: TCP port on the loopback interface that this server alone answers, /metrics too.
        accepting: whether it takes requests of users.
        began: when it was started, in Unix seconds.
    """

    process: ProcessRef
    private_port: int
    accepting: bool
    began: float


@dataclass(frozen=True, kw_only=True)
class GenerationState:
    """The servers of one deployment that run.

    Attributes:
        version: label of the model's version.
        sha256: the model's SHA-256.
        weight: its share of the traffic in percent; 0 before it has any, and while it drains.
        log: absolute path of what its servers write.
        servers: its servers.
    """

    version: str
    sha256: str
    weight: int
    log: str
    servers: tuple[ServerState, ...]


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """What runs for an endpoint now.

    Attributes:
        supervisor: the process that holds the port.
        servers: the processes that it has started and that may still run.
        port: the TCP port; 0 before there is one.
        version: the version that serves; empty before there is one.
        sha256: SHA-256 of the model that serves; empty before there is one.
        replicas: how many servers there are to be.
        ready: how many servers accept requests.
        answered: the request that was answered last.
        error: why that request failed; empty when it did not.
        generations: who the servers are and what share of the traffic they have, the oldest first.
        candidate: the request of the version that is tried and may be taken back; empty when there is none.
        failure: why the last candidate was taken back; empty when it was not.
    """

    supervisor: ProcessRef
    servers: tuple[ProcessRef, ...]
    port: int
    version: str
    sha256: str
    replicas: int
    ready: int
    answered: str
    error: str
    generations: tuple[GenerationState, ...] = ()
    candidate: str = ""
    failure: str = ""


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
    def mailbox(self) -> Mailbox:
        """Where the supervisor is asked."""
        return Mailbox(path=self.path)

    @property
    def _state(self) -> Path:
        return self.path / "state.json"

    def ask(self, request: Request) -> None:
        """Leave a request for the supervisor."""
        (kind,) = (name for name, known in _KINDS.items() if isinstance(request, known))
        self.mailbox.ask({"kind": kind, **asdict(request)})

    def write_state(self, state: EndpointState) -> None:
        """Keep what runs."""
        write_json(self._state, asdict(state))

    def state(self) -> EndpointState | None:
        """What runs, as far as the supervisor has said; None before it has, or where it cannot be read."""
        content = read_json(self._state)
        try:
            return None if content is None else _state_of(content)
        except (KeyError, TypeError):
            return None


def _state_of(content: Mapping[str, Any]) -> EndpointState:
    rest = dict(content)
    servers = cast(list[Mapping[str, Any]], rest.pop("servers"))
    generations = cast(list[Mapping[str, Any]], rest.pop("generations", []))
    return EndpointState(
        supervisor=ProcessRef(**rest.pop("supervisor")),
        servers=tuple(ProcessRef(**server) for server in servers),
        generations=tuple(_generation_of(generation) for generation in generations),
        **rest,
    )


def _generation_of(content: Mapping[str, Any]) -> GenerationState:
    rest = dict(content)
    servers = cast(list[Mapping[str, Any]], rest.pop("servers"))
    return GenerationState(servers=tuple(_server_of(server) for server in servers), **rest)


def _server_of(content: Mapping[str, Any]) -> ServerState:
    rest = dict(content)
    return ServerState(process=ProcessRef(**rest.pop("process")), **rest)
