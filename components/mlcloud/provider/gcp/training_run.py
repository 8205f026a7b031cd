"""A training run on Vertex AI: one job for equal inputs, a metric gate, and a content-addressed model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.gcp import model_folder, training_job
from mlcloud.provider.gcp.clients import Clients, clients_in, short_name
from mlcloud.provider.gcp.training_inputs import VertexTrainingRunInputs, VertexTrainingRunOutputs
from mlcloud.provider.gcp.training_log import query
from mlcloud.provider.manifest import BadModelError, Manifest
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems, pass_gate, run_name

PUBLISHED: Final = "published"
IN_PROGRESS: Final = "in-progress"
FAILED: Final = "failed"


class VertexTrainingRun(
    Resource[VertexTrainingRunInputs, VertexTrainingRunOutputs], token="mlcloud:gcp:TrainingRun"
):
    """Trains a model on Vertex AI once for the same name, data and hyperparameters, behind a metric gate."""

    @override
    def check(self, old: VertexTrainingRunInputs | None, new: VertexTrainingRunInputs) -> list[Problem]:
        """What belongs together, and metrics that this kind of training has."""
        del old
        problems = list(gate_problems(new.gate, new.hyperparameters))
        if (new.accelerator_type is None) != (new.accelerator_count is None):
            missing = "acceleratorCount" if new.accelerator_count is None else "acceleratorType"
            reason = "`acceleratorType` and `acceleratorCount` belong together: give both, or none."
            problems.append(Problem(path=missing, reason=reason))
        if new.network is not None and new.network_attachment is not None:
            reason = "`network` and `networkAttachment` are two ways into a network: give one."
            problems.append(Problem(path="networkAttachment", reason=reason))
        if new.spot and new.persistent_resource is not None:
            reason = "a persistent resource has its machines already: make its pool of spare ones instead."
            problems.append(Problem(path="spot", reason=reason))
        return problems

    @override
    def preview(
        self, new: VertexTrainingRunInputs, old: VertexTrainingRunOutputs | None
    ) -> Mapping[str, object]:
        """The run's name follows from the inputs; a model that is there stays."""
        if old is not None:
            return vars(old) if old.status == PUBLISHED else {}
        return {"run_name": _name(new), "status": PUBLISHED}

    @override
    def drift(self, identifier: str, outputs: VertexTrainingRunOutputs) -> list[str]:
        """A run without a model is picked up by the next update."""
        return [] if outputs.status == PUBLISHED else ["status"]

    @override
    def create(self, context: Context, new: VertexTrainingRunInputs) -> tuple[str, VertexTrainingRunOutputs]:
        """Train, or take over the job of the same name; then the gate, then the bucket."""
        return _name(new), _train(context, clients_in(new.project, new.region), new, retry=False)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: VertexTrainingRunInputs,
        outputs: VertexTrainingRunOutputs,
    ) -> VertexTrainingRunOutputs | None:
        """Gone when the model is, or is another one."""
        clients = clients_in(outputs.project, outputs.region)
        if outputs.status == PUBLISHED:
            return outputs if _is_published(clients, inputs, outputs) else None
        found = training_job.describe(clients, outputs.job)
        if found is None:
            return None
        state = training_job.state(found)
        reason = f"The training job of {outputs.run_name} is in {state}: the next update takes it."
        raise Unhealthy(identifier, outputs, [reason])

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: VertexTrainingRunInputs,
        outputs: VertexTrainingRunOutputs,
        new: VertexTrainingRunInputs,
    ) -> VertexTrainingRunOutputs:
        """Ask the gate again; pick up a job that went on, and start again one that was seen to fail."""
        clients = clients_in(new.project, new.region)
        if outputs.status == PUBLISHED and _is_published(clients, new, outputs):
            pass_gate(new.gate, outputs.metrics or {}, outputs.report)
            return outputs
        return _train(context, clients, new, retry=outputs.status == FAILED)

    @override
    def delete(self, context: Context, identifier: str, outputs: VertexTrainingRunOutputs) -> None:
        """Cancel a job that runs; the record of an ended one costs nothing and stays, as does the model."""
        if outputs.status != PUBLISHED:
            clients = clients_in(outputs.project, outputs.region)
            found = training_job.latest(clients, outputs.run_name)
            if found is not None:
                training_job.end(context, clients, str(found["name"]))


def _name(new: VertexTrainingRunInputs) -> str:
    return run_name(new.name, new.data_sha256, new.hyperparameters)


def _is_published(clients: Clients, new: VertexTrainingRunInputs, outputs: VertexTrainingRunOutputs) -> bool:
    sha256 = outputs.model_sha256
    return sha256 is not None and model_folder.is_published(clients, new.models_bucket, sha256)


def _train(
    context: Context, clients: Clients, new: VertexTrainingRunInputs, *, retry: bool
) -> VertexTrainingRunOutputs:
    """The result of this run's job: an earlier one's, a running one's, or a new one's.

    Args:
        context: of the operation.
        clients: Google's APIs.
        new: the run's inputs.
        retry: a failure of this run was told before: start again.
    """
    name = _name(new)
    job = _submit_where_needed(context, clients, new, name, retry=retry)
    found = training_job.follow(context, clients, job, context.timeout_s if new.wait else 0)
    if training_job.state(found) not in training_job.ENDED:
        reason = (
            f"The training job of {name} is in progress; what was served before keeps serving. Run the "
            "update again when it has ended: it takes the result and goes on."
        )
        raise Unhealthy(name, _outputs(new, found, IN_PROGRESS), [reason])
    if training_job.state(found) != training_job.SUCCEEDED:
        reason = (
            f"{training_job.failure(clients, found, new, name)}\nIts log: {_logs(found)} in Cloud Logging. "
            "Mend the cause and run the update again: it starts the same run anew."
        )
        raise Unhealthy(name, _outputs(new, found, FAILED), [reason])
    return _take(clients, new, found)


def _submit_where_needed(
    context: Context, clients: Clients, new: VertexTrainingRunInputs, name: str, *, retry: bool
) -> dict[str, Any]:
    found = training_job.latest(clients, name)
    if found is not None and training_job.state(found) == training_job.CANCELLING:
        found = training_job.end(context, clients, str(found["name"]))
    if found is None:
        return training_job.submit(context, clients, new, name)
    state = training_job.state(found)
    if state not in training_job.ENDED:
        context.log(f"The training job of {name} was started before: following it.", ephemeral=True)
        return found
    if state == training_job.SUCCEEDED:
        bucket, folder = model_folder.split_uri(training_job.model_of(new, name))
        if model_folder.find(clients, bucket, f"{folder}/{model_folder.MANIFEST}") is not None:
            context.log(
                f"The training job of {name} has finished before: its model is taken.", ephemeral=True
            )
            return found
        context.log(f"The model of the training job of {name} is gone: training again.", severity="warning")
        return training_job.submit(context, clients, new, name)
    if state != training_job.CANCELLED and not retry:
        return found
    told = training_job.failure(clients, found, new, name)
    context.log(f"{told} Starting it again.", severity="warning")
    return training_job.submit(context, clients, new, name)


def _take(clients: Clients, new: VertexTrainingRunInputs, found: dict[str, Any]) -> VertexTrainingRunOutputs:
    """The gate, and the model under its hash in the bucket."""
    name = _name(new)
    source = training_job.model_of(new, name)
    model = _usable_model(clients, new, found, source)
    pass_gate(new.gate, model.metrics, f"{source}/{model_folder.REPORT}")
    model_folder.publish(clients, source, model, new.models_bucket)
    return replace(
        _outputs(new, found, PUBLISHED),
        model_uri=model_folder.model_uri(new.models_bucket, model.sha256),
        model_sha256=model.sha256,
        metrics=model.metrics,
        report=model_folder.report_uri(new.models_bucket, model.sha256),
        duration_s=training_job.duration_s(found),
    )


def _usable_model(
    clients: Clients, new: VertexTrainingRunInputs, found: dict[str, Any], source: str
) -> Manifest:
    """What the job made. Where it is no use, it goes, so that the next update trains again."""
    try:
        model = model_folder.read_folder(clients, source)
        if model.data_sha256 != new.data_sha256:
            raise BadModelError(
                f"dataSha256: the training job {short_name(str(found['name']))} was trained on data with "
                f"SHA-256 {model.data_sha256}, not {new.data_sha256}: {new.data_uri} is other data. "
                "Give each file a name of its own."
            )
    except BadModelError as error:
        bucket, folder = model_folder.split_uri(source)
        model_folder.clear(clients, bucket, f"{folder}/")
        raise ResourceError(f"{error} The next update trains again.") from None
    return model


def _logs(found: Mapping[str, Any]) -> str:
    return query(short_name(str(found["name"])))


def _outputs(new: VertexTrainingRunInputs, found: Mapping[str, Any], status: str) -> VertexTrainingRunOutputs:
    return VertexTrainingRunOutputs(
        run_name=_name(new),
        project=new.project,
        region=new.region,
        job=str(found["name"]),
        logs=_logs(found),
        status=status,
    )
