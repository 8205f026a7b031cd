"""What a training run on AWS does, whatever runs its job: submit or re-attach, follow, gate, publish.

SageMaker and Batch each bring their `Jobs`; a run is named by its inputs, and its newest job counts.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from mlcloud.provider.aws import model_archive
from mlcloud.provider.aws.clients import Clients
from mlcloud.provider.aws.training_outputs import FAILED, IN_PROGRESS, PUBLISHED, TrainingRunOutputs
from mlcloud.provider.errors import Cancelled, ResourceError, Unhealthy
from mlcloud.provider.manifest import BadModelError
from mlcloud.provider.resource import Context
from mlcloud.provider.training import pass_gate, run_name

State = Literal["running", "stopping", "completed", "failed", "stopped"]
# A short run is seen at once; a long one is asked about four times a minute, far below any rate limit.
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
# A container has two minutes between SIGTERM and SIGKILL (StopTrainingJob's reference page).
_STOP_LIMIT_S: Final = 600.0
_STOP_POLL_S: Final = 1.0


class RunInputs(Protocol):
    """The inputs that training runs of AWS share."""

    @property
    def name(self) -> str: ...  # noqa: D102 - each is described where it is declared
    @property
    def region(self) -> str: ...  # noqa: D102
    @property
    def data_uri(self) -> str: ...  # noqa: D102
    @property
    def data_sha256(self) -> str: ...  # noqa: D102
    @property
    def hyperparameters(self) -> dict[str, str]: ...  # noqa: D102
    @property
    def models_bucket(self) -> str: ...  # noqa: D102
    @property
    def gate(self) -> dict[str, float]: ...  # noqa: D102
    @property
    def kms_key_arn(self) -> str | None: ...  # noqa: D102
    @property
    def output_uri(self) -> str | None: ...  # noqa: D102
    @property
    def wait(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as its service has it.

    Attributes:
        title: what people call it: its kind and its name.
        arn: its ARN.
        state: whether it runs, and how it ended.
        by_hand: it was stopped by somebody, and did not fail by itself.
        artifact: `s3://` URI of the archive that it writes.
        reason: why an ended job has no model, in words.
        duration_s: seconds that the training took.
        transitions: what has happened to it so far, one line each.
    """

    title: str
    arn: str
    state: State
    artifact: str
    by_hand: bool = False
    reason: str = ""
    duration_s: float = 0.0
    transitions: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in ("running", "stopping")


class Jobs(Protocol):
    """The jobs of one run, in the service that runs them."""

    @property
    def title(self) -> str:
        """What people call the run's job: its kind and its name."""
        ...

    @property
    def logs(self) -> str:
        """Where its log is in CloudWatch."""
        ...

    def find(self) -> Job | None:
        """The job that counts; None when there is none."""
        ...

    def submit(self) -> None:
        """Start a job. One that is there already is the same job."""
        ...

    def stop(self, job: Job) -> None:
        """Tell it to stop; one that has ended or is gone is no error."""
        ...

    def forget(self, context: Context, job: Job) -> None:
        """Let an ended job count no more."""
        ...

    def show_log(self, job: Job) -> None:
        """Show the trainer's new lines."""
        ...

    def last_words(self, job: Job) -> str:
        """The lines of its log that are marked as errors, or else its last ones; empty without any."""
        ...


def name_of(new: RunInputs) -> str:
    """The run's name."""
    return run_name(new.name, new.data_sha256, new.hyperparameters)


def output_of(new: RunInputs) -> str:
    """The prefix under which jobs write `<run>/output/model.tar.gz`."""
    return (new.output_uri if new.output_uri is not None else f"s3://{new.models_bucket}/runs").rstrip("/")


def preview(new: RunInputs, old: TrainingRunOutputs | None, logs: str) -> Mapping[str, object]:
    """The job's name follows from the inputs; a model that is there stays."""
    if old is not None:
        return vars(old) if old.status == PUBLISHED else {}
    return {"run_name": name_of(new), "logs": logs, "status": PUBLISHED}


def read(
    clients: Clients, identifier: str, inputs: RunInputs, outputs: TrainingRunOutputs, jobs: Jobs
) -> TrainingRunOutputs | None:
    """Gone when the model is, or is another one.

    Raises:
        Unhealthy: there is a job, and no model yet.
    """
    if outputs.status == PUBLISHED:
        return outputs if is_published(clients, inputs, outputs) else None
    found = jobs.find()
    if found is None:
        return None
    raise Unhealthy(identifier, outputs, [f"The {found.title} is {found.state}: the next update takes it."])


def update(
    context: Context, clients: Clients, outputs: TrainingRunOutputs, new: RunInputs, jobs: Jobs
) -> TrainingRunOutputs:
    """Ask the gate again; pick up a job that went on, and start again one that was seen to fail."""
    if outputs.status == PUBLISHED and is_published(clients, new, outputs):
        pass_gate(new.gate, outputs.metrics or {}, outputs.report)
        return outputs
    return train(context, clients, new, jobs, retry=outputs.status == FAILED)


def is_published(clients: Clients, new: RunInputs, outputs: TrainingRunOutputs) -> bool:
    """Whether the bucket has the run's model."""
    sha256 = outputs.model_sha256
    return sha256 is not None and model_archive.is_published(clients, new.models_bucket, sha256)


def train(
    context: Context, clients: Clients, new: RunInputs, jobs: Jobs, *, retry: bool
) -> TrainingRunOutputs:
    """The result of this run's job: an earlier one's, a running one's, or a new one's.

    Args:
        context: of the operation.
        clients: AWS.
        new: the run's inputs.
        jobs: its jobs.
        retry: a failure of this run was told before: start again.
    """
    _submit_where_needed(context, clients, jobs, retry=retry)
    found = follow(context, jobs, context.timeout_s if new.wait else 0)
    if not found.has_ended:
        reason = (
            f"The {found.title} is in progress; what was served before keeps serving. Run the update "
            "again when it has ended: it takes the result and goes on."
        )
        raise Unhealthy(name_of(new), _outputs(new, found, jobs, IN_PROGRESS), [reason])
    if found.state != "completed":
        words = jobs.last_words(found)
        told = f"\nIts last lines:\n{words}" if words else ""
        reason = (
            f"{found.reason}{told}\nIts log: {jobs.logs} in CloudWatch. Mend the cause and "
            "run the update again: it starts the same run anew."
        )
        raise Unhealthy(name_of(new), _outputs(new, found, jobs, FAILED), [reason])
    return _take(context, clients, new, found, jobs)


def _submit_where_needed(context: Context, clients: Clients, jobs: Jobs, *, retry: bool) -> None:
    found = jobs.find()
    if found is not None and found.state == "stopping":
        found = end(context, jobs)
    if found is None:
        jobs.submit()
        return
    if found.state == "running":
        context.log(f"The {found.title} was started before: following it.", ephemeral=True)
        return
    if found.state == "completed":
        if model_archive.exists(clients, found.artifact):
            context.log(f"The {found.title} has finished before: its model is taken.", ephemeral=True)
            return
        context.log(f"The model of the {found.title} is gone: training again.", severity="warning")
    elif found.by_hand or retry:
        context.log(f"{found.reason} Starting it again.", severity="warning")
    else:
        return
    jobs.forget(context, found)
    jobs.submit()


def follow(context: Context, jobs: Jobs, limit_s: float | None) -> Job:
    """Follow the job to its end, with its states and its log.

    Args:
        context: shows the lines, and says when to stop: the job is then told to stop too.
        jobs: the run's jobs.
        limit_s: seconds to follow it; 0 looks once. None: to its end, which the service's limits bring.

    Returns:
        The job, which has ended, or goes on after `limit_s`.
    """
    deadline = math.inf if limit_s is None else time.monotonic() + limit_s
    found, shown, poll_s = None, 0, _FIRST_POLL_S
    try:
        while True:
            found = jobs.find()
            if found is None:
                raise ResourceError(f"The {jobs.title} was deleted while it was followed.")
            for line in found.transitions[shown:]:
                context.log(line, ephemeral=True)
            shown = len(found.transitions)
            if limit_s != 0:
                jobs.show_log(found)
            if found.has_ended or time.monotonic() >= deadline:
                return found
            context.pause(poll_s)
            poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
    except Cancelled:
        if found is not None:
            jobs.stop(found)
        raise Cancelled(f"Stopped, as asked: the {jobs.title} was told to stop.") from None


def end(context: Context, jobs: Jobs) -> Job | None:
    """Stop the job where it runs, and wait until it has; returns it, or None when there is none."""
    deadline = time.monotonic() + _STOP_LIMIT_S
    found = jobs.find()
    if found is not None and found.state == "running":
        jobs.stop(found)
    while found is not None and not found.has_ended:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The {found.title} was told to stop and has not after {_STOP_LIMIT_S:g} s. "
                "Look at it in its service's console, and run the update again."
            )
        context.log(f"Waiting until the {found.title} has stopped.", ephemeral=True)
        context.pause(_STOP_POLL_S)
        found = jobs.find()
    return found


def _take(context: Context, clients: Clients, new: RunInputs, found: Job, jobs: Jobs) -> TrainingRunOutputs:
    """The gate, and the model under its hash in the bucket."""
    model = _usable_model(context, clients, new, found, jobs)
    report = model_archive.put_report(clients, found.artifact, model, new.kms_key_arn)
    pass_gate(new.gate, model.metrics, report)
    model_archive.publish(clients, found.artifact, model, new.models_bucket, new.kms_key_arn)
    return replace(
        _outputs(new, found, jobs, PUBLISHED),
        model_uri=model_archive.model_uri(new.models_bucket, model.sha256),
        model_sha256=model.sha256,
        metrics=model.metrics,
        report=model_archive.report_uri(new.models_bucket, model.sha256),
        duration_s=found.duration_s,
    )


def _usable_model(
    context: Context, clients: Clients, new: RunInputs, found: Job, jobs: Jobs
) -> model_archive.ArchivedModel:
    """What the job made. Where it is no use, the job counts no more, so that the next update trains again."""
    try:
        model = model_archive.read_archive(clients, found.artifact)
        if model.data_sha256 != new.data_sha256:
            raise BadModelError(
                f"dataSha256: the {found.title} was trained on data with SHA-256 {model.data_sha256}, "
                f"not {new.data_sha256}: {new.data_uri} is other data. Give each file a key of its own."
            )
    except BadModelError as error:
        jobs.forget(context, found)
        raise ResourceError(f"{error} The next update trains again.") from None
    return model


def _outputs(new: RunInputs, found: Job, jobs: Jobs, status: str) -> TrainingRunOutputs:
    return TrainingRunOutputs(
        run_name=name_of(new), region=new.region, run_arn=found.arn, logs=jobs.logs, status=status
    )
