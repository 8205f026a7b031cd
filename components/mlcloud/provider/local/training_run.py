"""A training run: the trainer as a process, a metric gate, and a content-addressed model in a bucket."""

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from typing_extensions import override

from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.bucket import KIND as BUCKET
from mlcloud.provider.local.claims import MARK, Claim, has_passed_on, is_claimed, own_claim
from mlcloud.provider.local.files import path_of
from mlcloud.provider.local.models import REPORT, is_whole, model_folder, model_sha256, publish_model
from mlcloud.provider.local.run_folder import KIND, RunFolder, RunRecord
from mlcloud.provider.local.training_process import DEFAULT_COMMAND, follow, start
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems, pass_gate, run_name

DEFAULT_TIMEOUT_S: Final = 3600.0
PUBLISHED: Final = "published"
IN_PROGRESS: Final = "in-progress"
_IDENTITY: Final = ("name", "data_sha256", "hyperparameters")


def _hyperparameters(value: Mapping[str, str]) -> str | None:
    gates = [key for key in value if key.startswith("gate.")]
    return f"{', '.join(gates)}: gates are no hyperparameters, use `gate`." if gates else None


@dataclass(frozen=True, kw_only=True)
class TrainingRunInputs:
    """What a training run is made from. Name, data and hyperparameters are the run's identity.

    Attributes:
        name: what the run's own name starts with.
        data_uri: `file://` URI of the training data, one CSV or Parquet file.
        data_sha256: SHA-256 of the data.
        hyperparameters: flat map as the trainer takes it: `estimator`, `target`, `estimator.C`, ...
        models_bucket: directory of the bucket that takes the model.
        runs_directory: absolute path of the folder that holds the run's folder. Where it is a bucket, that
            takes with it what failed runs have left.
        gate: threshold by metric: a minimum for scores, a maximum for losses. Changing it never trains again.
        timeout_s: seconds that the training may take. Default 3600.
        wait: follow the run to its end; false: start it, and the next update takes its result. Default true.
        command: the trainer's command; `train --prefix DIR` is appended. Default: the bundled trainer.
    """

    name: str = field(metadata=options(replace=True, check=checks.name))
    data_uri: str = field(metadata=options(check=checks.local_uri))
    data_sha256: str = field(metadata=options(replace=True, check=checks.sha256))
    hyperparameters: dict[str, str] = field(metadata=options(replace=True, check=_hyperparameters))
    models_bucket: str = field(metadata=options(replace=True, check=checks.absolute_path))
    runs_directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    gate: dict[str, float] = field(default_factory=dict[str, float])
    timeout_s: float = field(default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.seconds))
    wait: bool = True
    command: list[str] | None = field(default=None, metadata=options(check=checks.command))


@dataclass(frozen=True, kw_only=True)
class TrainingRunOutputs:
    """What a training run offers. A run in progress has no model yet.

    Attributes:
        run_name: the run's name, which follows from its inputs.
        run_directory: its folder.
        logs: folder of its log.
        status: `published`: the gate passed and the model is in the bucket; `in-progress`.
        model_uri: the model's `file://` URI, which holds its hash.
        model_sha256: SHA-256 of the model's manifest.
        metrics: metrics on held-out rows, by name.
        report: absolute path of the HTML report.
        duration_s: seconds that the training took.
    """

    run_name: str = field(metadata=options(stable=True, derived_from=_IDENTITY))
    run_directory: str = field(metadata=options(stable=True, derived_from=("runs_directory", *_IDENTITY)))
    logs: str = field(metadata=options(stable=True, derived_from=("runs_directory", *_IDENTITY)))
    status: str
    model_uri: str | None = field(default=None, metadata=options(derived_from=("models_bucket",)))
    model_sha256: str | None = None
    metrics: dict[str, float] | None = None
    report: str | None = field(default=None, metadata=options(derived_from=("models_bucket",)))
    duration_s: float | None = None


class TrainingRun(Resource[TrainingRunInputs, TrainingRunOutputs], token="mlcloud:local:TrainingRun"):
    """Trains a model once for the same name, data and hyperparameters, and lets it pass a metric gate."""

    @override
    def check(self, old: TrainingRunInputs | None, new: TrainingRunInputs) -> list[Problem]:
        """A gate must name metrics that this kind of training has."""
        del old
        return list(gate_problems(new.gate, new.hyperparameters))

    @override
    def preview(self, new: TrainingRunInputs, old: TrainingRunOutputs | None) -> Mapping[str, object]:
        """The run's name and folder follow from the inputs; a model that is there stays."""
        if old is not None:
            return vars(old) if old.status == PUBLISHED else {}
        folder = _folder(new)
        return {
            "run_name": folder.path.name,
            "run_directory": str(folder.path),
            "logs": str(folder.log.parent),
            "status": PUBLISHED,
        }

    @override
    def drift(self, identifier: str, outputs: TrainingRunOutputs) -> list[str]:
        """The model may have been removed by hand, or be there by now; `read` looks closer."""
        if outputs.model_uri is None:
            return ["status"]
        there = model_sha256(path_of(outputs.model_uri)) == outputs.model_sha256
        return [] if there else ["model_uri"]

    @override
    def create(self, context: Context, new: TrainingRunInputs) -> tuple[str, TrainingRunOutputs]:
        """Train, or take over the run of the same name; then the gate, then the bucket."""
        claim = Claim.new(KIND, context.urn)
        return claim.identifier(_folder(new).path.name), _train(context, claim, new)

    @override
    def read(
        self, context: Context, identifier: str, inputs: TrainingRunInputs, outputs: TrainingRunOutputs
    ) -> TrainingRunOutputs | None:
        """Gone when the model is, or is another one; one in progress is the next update's to take."""
        if outputs.status == PUBLISHED:
            return outputs if _is_published(outputs) else None
        if not is_claimed(Path(outputs.run_directory), KIND):
            return None
        reason = (
            f"The training run {outputs.run_name} was started and not waited for: the next update takes it."
        )
        raise Unhealthy(identifier, outputs, [reason])

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: TrainingRunInputs,
        outputs: TrainingRunOutputs,
        new: TrainingRunInputs,
    ) -> TrainingRunOutputs:
        """Ask the gate again, or take a run that went on; train only where the model has disappeared."""
        if not _is_published(outputs):
            return _train(context, Claim.of(KIND, context.urn, identifier), new)
        pass_gate(new.gate, outputs.metrics or {}, outputs.report)
        return outputs

    @override
    def abandon(self, context: Context, inputs: TrainingRunInputs) -> None:
        """End the trainer and remove the run's folder where it carries this run's mark."""
        folder = _folder(inputs)
        with folder.lock():
            if own_claim(folder.path / MARK, KIND, context.urn) is not None:
                folder.remove()

    @override
    def delete(self, context: Context, identifier: str, outputs: TrainingRunOutputs) -> None:
        """End the trainer and remove the run's folder; the model stays in its bucket."""
        folder = RunFolder(path=Path(outputs.run_directory))
        with folder.lock():
            if not has_passed_on(folder.path / MARK, Claim.of(KIND, context.urn, identifier)):
                folder.remove()


def _folder(new: TrainingRunInputs) -> RunFolder:
    return RunFolder(path=Path(new.runs_directory) / run_name(new.name, new.data_sha256, new.hyperparameters))


def _is_published(outputs: TrainingRunOutputs) -> bool:
    uri, sha256 = outputs.model_uri, outputs.model_sha256
    return uri is not None and sha256 is not None and is_whole(path_of(uri), sha256)


def _train(context: Context, claim: Claim, new: TrainingRunInputs) -> TrainingRunOutputs:
    bucket, folder = Path(new.models_bucket), _folder(new)
    if not is_claimed(bucket, BUCKET):
        raise ResourceError(f"modelsBucket: {bucket} is not a bucket of the local cloud: make it first.")
    record = _result(context, claim, new, folder)
    model = model_folder(bucket, record.sha256)
    with folder.lock():
        trained = folder.model if folder.model.exists() else model
        pass_gate(new.gate, record.metrics, trained / REPORT)
        if is_whole(folder.model, record.sha256):
            publish_model(folder.model, bucket, record.sha256)
        folder.write(replace(record, status=PUBLISHED))
        claim.write(folder.path / MARK)
    return replace(
        _outputs(folder, PUBLISHED),
        model_uri=f"{model.as_uri()}/",
        model_sha256=record.sha256,
        metrics=record.metrics,
        report=str(model / REPORT),
        duration_s=record.duration_s,
    )


def _outputs(folder: RunFolder, status: str) -> TrainingRunOutputs:
    return TrainingRunOutputs(
        run_name=folder.path.name,
        run_directory=str(folder.path),
        logs=str(folder.log.parent),
        status=status,
    )


def _result(context: Context, claim: Claim, new: TrainingRunInputs, folder: RunFolder) -> RunRecord:
    """The result of this run: an earlier one's where it is there, a running trainer's, or a new one's."""
    timeout_s = min(new.timeout_s, context.timeout_s) if context.timeout_s is not None else new.timeout_s
    child = None
    with folder.lock():
        record = (folder.record() or folder.adopt()) if is_claimed(folder.path, KIND) else None
        if record is not None and _has_model(record, folder, Path(new.models_bucket)):
            context.log(
                f"The run {folder.path.name} has finished before: its model is taken.", ephemeral=True
            )
            return record
        if record is not None and _goes_on(record, folder, waited_for=new.wait):
            context.log(f"The run {folder.path.name} was started before: following it.", ephemeral=True)
        else:
            folder.prepare(claim, path_of(new.data_uri), new.data_sha256, new.hyperparameters)
            child = start(folder, new.command if new.command is not None else DEFAULT_COMMAND)
    if not new.wait:
        _leave_in_progress(claim, folder, child, timeout_s)
    return follow(context, folder, child, timeout_s)


def _leave_in_progress(
    claim: Claim, folder: RunFolder, child: "subprocess.Popen[bytes] | None", timeout_s: float
) -> None:
    """Say that the run is in progress, where it is and has time left.

    Raises:
        Unhealthy: it is: what needs its model has to wait for the next update.
    """
    record = folder.record()
    runs = record is not None and (record.process.is_alive() if child is None else child.poll() is None)
    if record is None or not runs or time.time() - record.started_at > timeout_s:
        return
    if child is not None:
        # Whoever ends it: while this plugin lives, it is the parent that must take note.
        threading.Thread(target=child.wait, daemon=True).start()
    name = folder.path.name
    reason = (
        f"The training run {name} is in progress; what was served before keeps serving. Run the update again "
        "when it has ended: it takes the result and goes on."
    )
    raise Unhealthy(claim.identifier(name), _outputs(folder, IN_PROGRESS), [reason])


def _goes_on(record: RunRecord, folder: RunFolder, *, waited_for: bool) -> bool:
    """Whether to look how a run ends; one that broke off with the update that followed it begins anew."""
    if record.status != "running":
        return False
    # Of a run that nobody waited for, this is the first chance to tell that it failed.
    return not waited_for or record.process.is_alive() or folder.is_done()


def _has_model(record: RunRecord, folder: RunFolder, bucket: Path) -> bool:
    """Whether the run has its model still: in its own folder, or in the bucket, wherever it got to."""
    if record.status not in ("finished", "published"):
        return False
    places = (folder.model, model_folder(bucket, record.sha256))
    return any(is_whole(place, record.sha256) for place in places)
