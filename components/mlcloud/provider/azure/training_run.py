"""A training run on Azure ML: one job for equal inputs, a metric gate, and a content-addressed model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from mlcloud.provider.azure import blobs, model_folder, training_job
from mlcloud.provider.azure.blobs import Place, place_of
from mlcloud.provider.azure.clients import Clients, clients_in
from mlcloud.provider.azure.training_inputs import AzureTrainingRunInputs, AzureTrainingRunOutputs
from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.manifest import BadModelError, Manifest
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems, pass_gate, run_name

PUBLISHED: Final = "published"
IN_PROGRESS: Final = "in-progress"
FAILED: Final = "failed"


class AzureTrainingRun(
    Resource[AzureTrainingRunInputs, AzureTrainingRunOutputs], token="mlcloud:azure:TrainingRun"
):
    """Trains a model on Azure ML once for the same name, data and hyperparameters, behind a metric gate."""

    @override
    def check(self, old: AzureTrainingRunInputs | None, new: AzureTrainingRunInputs) -> list[Problem]:
        """What belongs together, and metrics that this kind of training has."""
        del old
        problems = list(gate_problems(new.gate, new.hyperparameters))
        if (new.compute is None) == (new.instance_type is None):
            reason = (
                "give the id of a cluster (`compute`) or the machine size of serverless compute, one of them."
            )
            problems.append(Problem(path="instanceType", reason=reason))
        if new.spot and new.compute is not None:
            reason = "a cluster's machines are spare or not by themselves: make the cluster of low priority."
            problems.append(Problem(path="spot", reason=reason))
        if new.distribution is not None and new.instances == 1:
            reason = "one machine has nobody to find: give several `instances`, or no distribution."
            problems.append(Problem(path="distribution", reason=reason))
        if place_of(new.models_uri).name:
            reason = (
                f'"{new.models_uri}" is not a container: https://<account>.blob.core.windows.net/<container>.'
            )
            problems.append(Problem(path="modelsUri", reason=reason))
        return problems

    @override
    def preview(
        self, new: AzureTrainingRunInputs, old: AzureTrainingRunOutputs | None
    ) -> Mapping[str, object]:
        """The run's name follows from the inputs; a model that is there stays."""
        if old is not None:
            return vars(old) if old.status == PUBLISHED else {}
        return {"run_name": _name(new), "status": PUBLISHED}

    @override
    def drift(self, identifier: str, outputs: AzureTrainingRunOutputs) -> list[str]:
        """A run without a model is picked up by the next update."""
        return [] if outputs.status == PUBLISHED else ["status"]

    @override
    def create(self, context: Context, new: AzureTrainingRunInputs) -> tuple[str, AzureTrainingRunOutputs]:
        """Train, or take over the job of the same name; then the gate, then the container."""
        return _name(new), _train(context, clients_in(new.subscription), new, retry=False)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: AzureTrainingRunInputs,
        outputs: AzureTrainingRunOutputs,
    ) -> AzureTrainingRunOutputs | None:
        """Gone when the model is, or is another one."""
        clients = clients_in(outputs.subscription)
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
        old: AzureTrainingRunInputs,
        outputs: AzureTrainingRunOutputs,
        new: AzureTrainingRunInputs,
    ) -> AzureTrainingRunOutputs:
        """Ask the gate again; pick up a job that went on, and start again one that was seen to fail."""
        clients = clients_in(new.subscription)
        if outputs.status == PUBLISHED and _is_published(clients, new, outputs):
            pass_gate(new.gate, outputs.metrics or {}, outputs.report)
            return outputs
        return _train(context, clients, new, retry=outputs.status == FAILED)

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureTrainingRunOutputs) -> None:
        """Cancel a job that runs; the record of an ended one costs nothing and stays, as does the model."""
        if outputs.status != PUBLISHED:
            clients = clients_in(outputs.subscription)
            first = training_job.job_id(clients, outputs.resource_group, outputs.workspace, outputs.run_name)
            found = training_job.newest(clients, first)
            if found is not None:
                training_job.end(context, clients, str(found["id"]))


def _name(new: AzureTrainingRunInputs) -> str:
    return run_name(new.name, new.data_sha256, new.hyperparameters)


def _is_published(clients: Clients, new: AzureTrainingRunInputs, outputs: AzureTrainingRunOutputs) -> bool:
    sha256 = outputs.model_sha256
    return sha256 is not None and model_folder.is_published(clients, place_of(new.models_uri), sha256)


def _train(
    context: Context, clients: Clients, new: AzureTrainingRunInputs, *, retry: bool
) -> AzureTrainingRunOutputs:
    """The result of this run's job: an earlier one's, a running one's, or a new one's.

    Args:
        context: of the operation.
        clients: Azure's APIs.
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
            f"{training_job.failure(clients, found, new, name)}\nIts log: {training_job.studio(found)} "
            "Mend the cause and run the update again: it starts the same run anew."
        )
        raise Unhealthy(name, _outputs(new, found, FAILED), [reason])
    return _take(context, clients, new, found)


def _submit_where_needed(
    context: Context, clients: Clients, new: AzureTrainingRunInputs, name: str, *, retry: bool
) -> dict[str, Any]:
    found = training_job.latest(clients, new, name)
    if found is not None and training_job.state(found) == training_job.CANCELLING:
        found = training_job.end(context, clients, str(found["id"]))
    if found is None:
        return training_job.submit(clients, new, name, None)
    state = training_job.state(found)
    if state not in training_job.ENDED:
        context.log(f"The training job of {name} was started before: following it.", ephemeral=True)
        return found
    if state == training_job.SUCCEEDED:
        manifest = training_job.model_of(new, name) / model_folder.MANIFEST
        if blobs.size(clients, manifest) is not None:
            context.log(
                f"The training job of {name} has finished before: its model is taken.", ephemeral=True
            )
            return found
        context.log(f"The model of the training job of {name} is gone: training again.", severity="warning")
        return training_job.submit(clients, new, name, found)
    if not retry and not training_job.was_stopped(clients, found):
        return found
    told = training_job.failure(clients, found, new, name)
    context.log(f"{told} Starting it again.", severity="warning")
    return training_job.submit(clients, new, name, found)


def _take(
    context: Context, clients: Clients, new: AzureTrainingRunInputs, found: dict[str, Any]
) -> AzureTrainingRunOutputs:
    """The gate, and the model under its hash in the container."""
    name, models = _name(new), place_of(new.models_uri)
    source = training_job.model_of(new, name)
    model = _usable_model(clients, new, found, source)
    pass_gate(new.gate, model.metrics, source / model_folder.REPORT)
    model_folder.publish(context, clients, source, model, models)
    return replace(
        _outputs(new, found, PUBLISHED),
        model_uri=model_folder.model_uri(models, model.sha256),
        model_sha256=model.sha256,
        metrics=model.metrics,
        report=model_folder.report_uri(models, model.sha256),
        duration_s=training_job.duration_s(clients, found),
    )


def _usable_model(
    clients: Clients, new: AzureTrainingRunInputs, found: dict[str, Any], source: Place
) -> Manifest:
    """What the job made. Where it is no use, it goes, so that the next update trains again."""
    try:
        model = model_folder.read_folder(clients, source)
        if model.data_sha256 != new.data_sha256:
            raise BadModelError(
                f"dataSha256: the training job {found['name']} was trained on data with SHA-256 "
                f"{model.data_sha256}, not {new.data_sha256}: {new.data_uri} is other data. "
                "Give each file a name of its own."
            )
    except BadModelError as error:
        blobs.clear(clients, source)
        raise ResourceError(f"{error} The next update trains again.") from None
    return model


def _outputs(new: AzureTrainingRunInputs, found: dict[str, Any], status: str) -> AzureTrainingRunOutputs:
    return AzureTrainingRunOutputs(
        run_name=_name(new),
        subscription=new.subscription,
        resource_group=new.resource_group,
        workspace=new.workspace,
        job=str(found["id"]),
        logs=training_job.studio(found),
        status=status,
    )
