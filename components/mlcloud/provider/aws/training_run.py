"""A training run on SageMaker: one job for equal inputs, a metric gate, and a content-addressed model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from typing_extensions import override

from mlcloud.provider.aws import model_archive, training_job, training_log
from mlcloud.provider.aws.clients import Clients, clients_in
from mlcloud.provider.aws.training_inputs import TrainingRunInputs, TrainingRunOutputs
from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems, pass_gate, run_name

PUBLISHED = "published"
IN_PROGRESS = "in-progress"
FAILED = "failed"


class TrainingRun(Resource[TrainingRunInputs, TrainingRunOutputs], token="mlcloud:aws:TrainingRun"):
    """Trains a model on SageMaker once for the same name, data and hyperparameters, behind a metric gate."""

    @override
    def check(self, old: TrainingRunInputs | None, new: TrainingRunInputs) -> list[Problem]:
        """What belongs together, and metrics that this kind of training has."""
        del old
        problems = list(gate_problems(new.gate, new.hyperparameters))
        if new.max_wait_s is not None and new.max_wait_s < new.timeout_s:
            reason = f"{new.max_wait_s:g} is less than `timeoutS`, {new.timeout_s:g}, which it includes."
            problems.append(Problem(path="maxWaitS", reason=reason))
        for name, value in (("maxWaitS", new.max_wait_s), ("checkpointUri", new.checkpoint_uri)):
            if value is not None and not new.spot:
                problems.append(Problem(path=name, reason=f"`{name}` belongs to `spot`, which is false."))
        if bool(new.subnet_ids) != bool(new.security_group_ids):
            missing = "securityGroupIds" if new.subnet_ids else "subnetIds"
            reason = "`subnetIds` and `securityGroupIds` belong together: give both, or none."
            problems.append(Problem(path=missing, reason=reason))
        return problems

    @override
    def preview(self, new: TrainingRunInputs, old: TrainingRunOutputs | None) -> Mapping[str, object]:
        """The job's name follows from the inputs; a model that is there stays."""
        if old is not None:
            return vars(old) if old.status == PUBLISHED else {}
        name = _name(new)
        return {"run_name": name, "logs": training_log.place(name), "status": PUBLISHED}

    @override
    def drift(self, identifier: str, outputs: TrainingRunOutputs) -> list[str]:
        """A run without a model is picked up by the next update."""
        return [] if outputs.status == PUBLISHED else ["status"]

    @override
    def create(self, context: Context, new: TrainingRunInputs) -> tuple[str, TrainingRunOutputs]:
        """Train, or take over the job of the same name; then the gate, then the bucket."""
        return _name(new), _train(context, clients_in(new.region), new, retry=False)

    @override
    def read(
        self, context: Context, identifier: str, inputs: TrainingRunInputs, outputs: TrainingRunOutputs
    ) -> TrainingRunOutputs | None:
        """Gone when the model is, or is another one."""
        clients = clients_in(outputs.region)
        if outputs.status == PUBLISHED:
            return outputs if _is_published(clients, inputs, outputs) else None
        found = training_job.describe(clients, outputs.run_name)
        if found is None:
            return None
        status = found["TrainingJobStatus"]
        raise Unhealthy(
            identifier,
            outputs,
            [f"The training job {outputs.run_name} is {status}: the next update takes it."],
        )

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: TrainingRunInputs,
        outputs: TrainingRunOutputs,
        new: TrainingRunInputs,
    ) -> TrainingRunOutputs:
        """Ask the gate again; pick up a job that went on, and start again one that was seen to fail."""
        clients = clients_in(new.region)
        if outputs.status == PUBLISHED and _is_published(clients, new, outputs):
            pass_gate(new.gate, outputs.metrics or {}, outputs.report)
            return outputs
        return _train(context, clients, new, retry=outputs.status == FAILED)

    @override
    def delete(self, context: Context, identifier: str, outputs: TrainingRunOutputs) -> None:
        """Stop a job that runs; the record of an ended one costs nothing and stays, as does the model."""
        if outputs.status != PUBLISHED:
            training_job.end(context, clients_in(outputs.region), outputs.run_name)


def _name(new: TrainingRunInputs) -> str:
    return run_name(new.name, new.data_sha256, new.hyperparameters)


def _last_words(clients: Clients, name: str) -> str:
    words = training_log.last_words(clients, name)
    return f"\nIts last lines:\n{words}" if words else ""


def _is_published(clients: Clients, new: TrainingRunInputs, outputs: TrainingRunOutputs) -> bool:
    sha256 = outputs.model_sha256
    return sha256 is not None and model_archive.is_published(clients, new.models_bucket, sha256)


def _train(context: Context, clients: Clients, new: TrainingRunInputs, *, retry: bool) -> TrainingRunOutputs:
    """The result of this run's job: an earlier one's, a running one's, or a new one's.

    Args:
        context: of the operation.
        clients: AWS.
        new: the run's inputs.
        retry: a failure of this run was told before: start again.
    """
    name = _name(new)
    _submit_where_needed(context, clients, new, name, retry=retry)
    limit_s = context.timeout_s if new.wait else 0
    found = training_job.follow(context, clients, name, limit_s)
    if found["TrainingJobStatus"] not in training_job.ENDED:
        reason = (
            f"The training job {name} is in progress; what was served before keeps serving. Run the update "
            "again when it has ended: it takes the result and goes on."
        )
        raise Unhealthy(name, _outputs(new, found, IN_PROGRESS), [reason])
    if found["TrainingJobStatus"] != "Completed":
        reason = (
            f"{training_job.failure(found, new)}{_last_words(clients, name)}\nIts log: "
            f"{training_log.place(name)} in CloudWatch. Mend the cause and run the update again: it starts "
            "the same run anew."
        )
        raise Unhealthy(name, _outputs(new, found, FAILED), [reason])
    return _take(context, clients, new, found)


def _submit_where_needed(
    context: Context, clients: Clients, new: TrainingRunInputs, name: str, *, retry: bool
) -> None:
    found = training_job.describe(clients, name)
    if found is not None and found["TrainingJobStatus"] == "Stopping":
        found = training_job.end(context, clients, name)
    if found is None:
        training_job.submit(clients, new, name)
        return
    status = found["TrainingJobStatus"]
    if status == "InProgress":
        context.log(f"The training job {name} was started before: following it.", ephemeral=True)
        return
    if status == "Completed":
        if model_archive.exists(clients, _artifact(found)):
            context.log(f"The training job {name} has finished before: its model is taken.", ephemeral=True)
            return
        context.log(f"The model of the training job {name} is gone: training again.", severity="warning")
    elif found.get("SecondaryStatus") == "Stopped" or retry:
        context.log(f"{training_job.failure(found, new)} Starting it again.", severity="warning")
    else:
        return
    training_job.remove(context, clients, name)
    training_job.submit(clients, new, name)


def _artifact(found: dict[str, Any]) -> str:
    return str(found["ModelArtifacts"]["S3ModelArtifacts"])


def _take(
    context: Context, clients: Clients, new: TrainingRunInputs, found: dict[str, Any]
) -> TrainingRunOutputs:
    """The gate, and the model under its hash in the bucket."""
    source = _artifact(found)
    model = _usable_model(context, clients, new, found)
    pass_gate(new.gate, model.metrics, model_archive.put_report(clients, source, model, new.kms_key_arn))
    model_archive.publish(clients, source, model, new.models_bucket, new.kms_key_arn)
    return replace(
        _outputs(new, found, PUBLISHED),
        model_uri=model_archive.model_uri(new.models_bucket, model.sha256),
        model_sha256=model.sha256,
        metrics=model.metrics,
        report=model_archive.report_uri(new.models_bucket, model.sha256),
        duration_s=float(found.get("TrainingTimeInSeconds", 0)),
    )


def _usable_model(
    context: Context, clients: Clients, new: TrainingRunInputs, found: dict[str, Any]
) -> model_archive.ArchivedModel:
    """What the job made. Where it is no use, its record goes, so that the next update trains again."""
    source, name = _artifact(found), str(found["TrainingJobName"])
    try:
        model = model_archive.read_archive(clients, source)
        if model.data_sha256 != new.data_sha256:
            raise model_archive.BadModelError(
                f"dataSha256: the training job {name} was trained on data with SHA-256 {model.data_sha256}, "
                f"not {new.data_sha256}: {new.data_uri} is other data. Give each file a key of its own."
            )
    except model_archive.BadModelError as error:
        training_job.remove(context, clients, name)
        raise ResourceError(f"{error} The next update trains again.") from None
    return model


def _outputs(new: TrainingRunInputs, found: dict[str, Any], status: str) -> TrainingRunOutputs:
    name = str(found["TrainingJobName"])
    return TrainingRunOutputs(
        run_name=name,
        region=new.region,
        run_arn=str(found["TrainingJobArn"]),
        logs=training_log.place(name),
        status=status,
    )
