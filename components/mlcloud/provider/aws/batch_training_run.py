"""A training run on the Batch queue: one job for equal inputs, a metric gate, a content-addressed model."""

from collections.abc import Mapping

from typing_extensions import override

from mlcloud.provider.aws import training_flow
from mlcloud.provider.aws.batch_job import BatchJobs, job_id_of, logs_of, stop_job
from mlcloud.provider.aws.batch_run_inputs import BatchTrainingRunInputs
from mlcloud.provider.aws.clients import clients_in
from mlcloud.provider.aws.training_flow import name_of
from mlcloud.provider.aws.training_outputs import PUBLISHED, TrainingRunOutputs
from mlcloud.provider.errors import Problem
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems


class BatchTrainingRun(
    Resource[BatchTrainingRunInputs, TrainingRunOutputs], token="mlcloud:aws:BatchTrainingRun"
):
    """Trains a model on the Batch queue once for the same name, data and hyperparameters, behind a gate."""

    @override
    def check(self, old: BatchTrainingRunInputs | None, new: BatchTrainingRunInputs) -> list[Problem]:
        """Metrics that this kind of training has."""
        del old
        return list(gate_problems(new.gate, new.hyperparameters))

    @override
    def preview(self, new: BatchTrainingRunInputs, old: TrainingRunOutputs | None) -> Mapping[str, object]:
        """The job's name follows from the inputs; a model that is there stays."""
        return training_flow.preview(new, old, logs_of(new))

    @override
    def drift(self, identifier: str, outputs: TrainingRunOutputs) -> list[str]:
        """A run without a model is picked up by the next update."""
        return [] if outputs.status == PUBLISHED else ["status"]

    @override
    def create(self, context: Context, new: BatchTrainingRunInputs) -> tuple[str, TrainingRunOutputs]:
        """Train, or take over the newest job of the same name; then the gate, then the bucket."""
        clients = clients_in(new.region)
        jobs = BatchJobs(context, clients, new)
        return name_of(new), training_flow.train(context, clients, new, jobs, retry=False)

    @override
    def read(
        self, context: Context, identifier: str, inputs: BatchTrainingRunInputs, outputs: TrainingRunOutputs
    ) -> TrainingRunOutputs | None:
        """Gone when the model is, or is another one."""
        clients = clients_in(outputs.region)
        jobs = BatchJobs(context, clients, inputs)
        return training_flow.read(clients, identifier, inputs, outputs, jobs)

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: BatchTrainingRunInputs,
        outputs: TrainingRunOutputs,
        new: BatchTrainingRunInputs,
    ) -> TrainingRunOutputs:
        """Ask the gate again; pick up a job that went on, and start again one that was seen to fail."""
        clients = clients_in(new.region)
        jobs = BatchJobs(context, clients, new)
        return training_flow.update(context, clients, outputs, new, jobs)

    @override
    def delete(self, context: Context, identifier: str, outputs: TrainingRunOutputs) -> None:
        """Tell a job that runs to stop; Batch removes its record, and the model stays."""
        if outputs.status != PUBLISHED:
            stop_job(clients_in(outputs.region), job_id_of(outputs.run_arn))
