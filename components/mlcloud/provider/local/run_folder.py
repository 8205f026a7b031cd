"""The folder of a training run in SageMaker's layout, and the record of how far the run has come."""

import contextlib
import fcntl
import os
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import (
    MARK,
    Claim,
    is_claimed,
    make_folders,
    remove_claimed,
    remove_empty_folders,
    take,
)
from mlcloud.provider.local.files import (
    OtherContentError,
    place_file,
    read_json,
    sha256_of,
    sweep,
    write_json,
)
from mlcloud.provider.local.log_lines import event_of, last_lines, printable, tail
from mlcloud.provider.local.processes import ProcessRef, processes_with

KIND: Final = "training-run"
_RECORD: Final = "run.json"
_HYPERPARAMETERS: Final = Path("input", "config", "hyperparameters.json")
_TAIL_LINES: Final = 5
_FAILURE_CHARACTERS: Final = 2000
_END_GRACE_S: Final = 5.0

Status = Literal["running", "finished", "published", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """How far a run has come.

    Attributes:
        status: `finished` has a model in the run's folder, `published` one in the bucket.
        pid: process id of the trainer.
        started: the trainer's start, as `ProcessRef` tells it.
        started_at: seconds since 1970.
        duration_s: seconds that the training took, 0 while it runs.
        metrics: metrics of the model on held-out rows.
        sha256: the model's hash, empty until there is one.
    """

    status: Status
    pid: int
    started: str
    started_at: float
    duration_s: float
    metrics: dict[str, float]
    sha256: str

    @property
    def process(self) -> ProcessRef:
        """The trainer's process."""
        return ProcessRef(pid=self.pid, started=self.started)


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """A run's folder: `input/`, `model/`, `output/` as in SageMaker's containers, and `logs/`.

    Layout: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html.
    """

    path: Path

    @property
    def log(self) -> Path:
        """What the trainer wrote: JSON lines on stdout, and stderr."""
        return self.path / "logs" / "training.log"

    @property
    def model(self) -> Path:
        """Where the trainer leaves the model."""
        return self.path / "model"

    @property
    def temporary(self) -> Path:
        """For the trainer's temporary files."""
        return self.path / "tmp"

    def record(self) -> RunRecord | None:
        """The record; None before the trainer was started."""
        content = read_json(self.path / _RECORD)
        try:
            return None if content is None else RunRecord(**content)
        except TypeError:
            return None

    def adopt(self) -> RunRecord | None:
        """The record of a trainer whose starter was killed before it could note which process that is.

        None where no trainer was started here. One that has ended by now is nobody's process any more.
        """
        found = processes_with("--prefix", str(self.path))
        if not found and not self.is_done():
            return None
        process = found[0] if found else ProcessRef(pid=0, started="")
        record = RunRecord(
            status="running",
            pid=process.pid,
            started=process.started,
            # Laid out right before the trainer is started.
            started_at=(self.path / _HYPERPARAMETERS).stat().st_mtime,
            duration_s=0.0,
            metrics={},
            sha256="",
        )
        self.write(record)
        return record

    def write(self, record: RunRecord) -> None:
        """Keep the record."""
        sweep(self.path)
        write_json(self.path / _RECORD, asdict(record))

    def mark(self, status: Status) -> None:
        """Change the status of an existing record."""
        record = self.record()
        if record is not None:
            self.write(replace(record, status=status))

    @contextlib.contextmanager
    def lock(self) -> Generator[None]:
        """Keep others from starting, finishing or removing a run in the same place meanwhile."""
        descriptor = _locked(self.path.parent)
        try:
            yield
        finally:
            remove_empty_folders(self.path.parent)
            os.close(descriptor)

    def prepare(self, claim: Claim, data: Path, data_sha256: str, hyperparameters: Mapping[str, str]) -> None:
        """Lay the folder out anew.

        Raises:
            ResourceError: the data is missing or is not what its hash says.
        """
        if not data.is_file():
            raise ResourceError(
                f"dataUri: {data} is not a file: check the URI, or update the object that makes it."
            )
        self.remove()
        take(self.path, claim)
        config, channel = self.path / "input" / "config", self.path / "input" / "data" / "train"
        for folder in (config, channel, self.model, self.path / "output", self.log.parent, self.temporary):
            folder.mkdir(parents=True)
        write_json(self.path / _HYPERPARAMETERS, dict(hyperparameters))
        write_json(config / "inputdataconfig.json", {"train": {"TrainingInputMode": "File"}})
        write_json(config / "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
        try:
            _put(data, channel / data.name, data_sha256)
        except OtherContentError as error:
            self.remove()
            raise ResourceError(
                f"dataSha256: {data} has SHA-256 {error.found}, not {data_sha256}: it is other data."
            ) from None

    def is_done(self) -> bool:
        """Whether the trainer said that it has finished: the only sign where nobody waited for it."""
        events = map(event_of, last_lines(self.log))
        return any(event is not None and event.get("event") == "done" for event in events)

    def failure(self) -> str:
        """Why the trainer failed: its own words, or the end of its log."""
        text = ""
        with contextlib.suppress(OSError):
            path = self.path / "output" / "failure"
            with path.open(encoding="utf-8", errors="replace") as failure:
                text = printable(failure.read(_FAILURE_CHARACTERS).strip())
        return text or tail(self.log, _TAIL_LINES) or "it wrote nothing"

    def end(self) -> None:
        """End a trainer that still runs, and what it has started."""
        record = self.record()
        if record is not None:
            record.process.end(_END_GRACE_S)
        elif self.path.exists():
            # Whoever started the trainer was killed before it could note which process it is.
            for process in processes_with("--prefix", str(self.path)):
                process.end(_END_GRACE_S)

    def remove(self) -> None:
        """End a trainer that still runs, and remove the folder."""
        self.end()
        remove_claimed(self.path, KIND)


def runs_in(directory: Path) -> list[RunFolder]:
    """The folders of training runs in a directory."""
    return [
        RunFolder(path=mark.parent) for mark in directory.glob(f"*/{MARK}") if is_claimed(mark.parent, KIND)
    ]


def _locked(folder: Path) -> int:
    """Lock a folder, which is made where it is missing; closing the descriptor unlocks it."""
    while True:
        make_folders(folder)
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        os.close(descriptor)  # it was removed while we waited


def _put(data: Path, target: Path, sha256: str) -> None:
    """Bring the data into the run's folder, as a link where that is possible."""
    try:
        os.link(data, target)
    except OSError:
        place_file(data, target, sha256)
    else:
        found = sha256_of(target)
        if found != sha256:
            raise OtherContentError(found)
