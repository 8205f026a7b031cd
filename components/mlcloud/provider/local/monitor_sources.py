"""What a monitor reads of others: the endpoint's state, training runs, the registry. All may be missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.checks import label as label_problem
from mlcloud.provider.local.claims import MARK, is_mark
from mlcloud.provider.local.files import path_of, read_json
from mlcloud.provider.local.models import REPORT
from mlcloud.provider.local.processes import ProcessRef

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server of an endpoint.

    Attributes:
        process: its process.
        port: its private port.
        accepting: whether it takes requests from the public port.
        began: when it began, in Unix seconds.
    """

    process: ProcessRef
    port: int
    accepting: bool
    began: float

    @property
    def name(self) -> str:
        """Names the process, not whatever has its number later."""
        return f"{self.process.pid}@{self.process.started}"


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The servers of one deployment of a version.

    Attributes:
        label: label of the version.
        sha256: the model's SHA-256.
        weight: its share of the traffic, in percent.
        log: what its servers write, which names the deployment: the same label may be deployed again.
        servers: its servers.
    """

    label: str
    sha256: str
    weight: float
    log: str
    servers: tuple[Server, ...]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What runs for an endpoint, as its supervisor has said last.

    Attributes:
        supervised: whether the supervisor runs.
        port: the public port.
        ready: how many servers take requests.
        replicas: how many there are to be.
        error: why the last update failed; empty when it did not.
        generations: the versions that have servers.
    """

    supervised: bool
    port: int
    ready: int
    replicas: int
    error: str
    generations: tuple[Generation, ...]


def endpoint_in(directory: Path) -> Endpoint | None:
    """The endpoint of a folder; None where there is none, or none that this version can read."""
    content = _json(directory / "state.json")
    try:
        return None if content is None else _endpoint(content)
    except (KeyError, TypeError, ValueError):
        return None


def _endpoint(content: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        supervised=ProcessRef(**content["supervisor"]).is_alive(),
        port=int(content["port"]),
        ready=int(content["ready"]),
        replicas=int(content["replicas"]),
        error=str(content["error"]),
        generations=tuple(_generation(one) for one in content.get("generations", ())),
    )


def _generation(content: Mapping[str, Any]) -> Generation:
    return Generation(
        label=str(content["version"]),
        sha256=str(content["sha256"]),
        weight=float(content["weight"]),
        log=str(content["log"]),
        servers=tuple(
            Server(
                process=ProcessRef(**one["process"]),
                port=int(one["private_port"]),
                accepting=bool(one["accepting"]),
                began=float(one["began"]),
            )
            for one in content["servers"]
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run.

    Attributes:
        name: its name.
        status: how far it has come.
        started_at: when it began, in Unix seconds.
        sha256: its model's SHA-256; empty where there is none.
    """

    name: str
    status: str
    started_at: float
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version in the registry.

    Attributes:
        label: its label.
        stage: what it is for.
        sha256: the model's SHA-256.
        metrics: its metrics on held-out rows, by name.
        created: when it was registered, in Unix seconds.
        lineage: what it was made of; None where nothing is known.
        report: its HTML report; None where there is none.
    """

    label: str
    stage: str
    sha256: str
    metrics: Mapping[str, float]
    created: float
    lineage: Mapping[str, Any] | None
    report: Path | None


class Folder(Generic[T]):
    """The JSON files of a folder, read again only where they have changed."""

    def __init__(self, pattern: str, read: Callable[[Path, Mapping[str, Any], float], T | None]) -> None:
        self._pattern = pattern
        self._read = read
        self._known: dict[Path, tuple[int, T | None]] = {}

    def look(self, directory: Path) -> list[T]:
        """What the files say, but for those that make no sense."""
        known: dict[Path, tuple[int, T | None]] = {}
        for path in directory.glob(self._pattern):
            if is_mark(path):
                continue
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue
            before = self._known.get(path)
            known[path] = before if before is not None and before[0] == changed else (changed, self._of(path))
        self._known = known
        return [found for _, found in known.values() if found is not None]

    def _of(self, path: Path) -> T | None:
        content = _json(path)
        try:
            return None if content is None else self._read(path, content, path.stat().st_mtime)
        except (KeyError, TypeError, ValueError, AttributeError, OSError, ResourceError):
            return None


def runs() -> Folder[Run]:
    """The runs of a folder of training runs."""
    return Folder("*/run.json", _run)


def _run(path: Path, content: Mapping[str, Any], changed: float) -> Run | None:
    del changed
    if not (path.parent / MARK).is_file():
        return None
    return Run(
        name=path.parent.name,
        status=str(content["status"]),
        started_at=float(content["started_at"]),
        sha256=str(content["sha256"]),
    )


def versions() -> Folder[Version]:
    """The versions of a registry's folder."""
    return Folder("*/*.json", _version)


def _version(path: Path, content: Mapping[str, Any], changed: float) -> Version | None:
    del path
    label = str(content["version"])
    if label_problem(label) is not None:
        return None
    report = path_of(str(content["uri"])) / REPORT
    lineage = content.get("lineage")
    return Version(
        label=label,
        stage=str(content["stage"]),
        sha256=str(content["sha256"]),
        metrics={str(name): float(value) for name, value in content["metrics"].items()},
        created=float(content.get("created") or changed),
        lineage=cast("Mapping[str, Any]", lineage) if isinstance(lineage, Mapping) else None,
        report=report if report.is_file() else None,
    )


def failed_runs(found: Sequence[Run]) -> int | None:
    """How many runs have failed since the last one that did not; None where there are no runs."""
    if not found:
        return None
    succeeded = [run.started_at for run in found if run.status in ("finished", "published")]
    last = max(succeeded, default=0.0)
    return sum(run.status == "failed" and run.started_at > last for run in found)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except (OSError, RecursionError):
        return None
