"""A training run on SageMaker: one job for equal inputs, a metric gate, and a content-addressed model."""

from collections.abc import Mapping

from typing_extensions import override

from mlcloud.provider.aws import training_flow
from mlcloud.provider.aws.clients import clients_in
from mlcloud.provider.aws.training_flow import name_of
from mlcloud.provider.aws.training_inputs import TrainingRunInputs
from mlcloud.provider.aws.training_job import SageMakerJobs, logs_of
from mlcloud.provider.aws.training_outputs import PUBLISHED, TrainingRunOutputs
from mlcloud.provider.errors import Problem
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.training import gate_problems


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
        return training_flow.preview(new, old, logs_of(name_of(new)))

    @override
    def drift(self, identifier: str, outputs: TrainingRunOutputs) -> list[str]:
        """A run without a model is picked up by the next update."""
        return [] if outputs.status == PUBLISHED else ["status"]

    @override
    def create(self, context: Context, new: TrainingRunInputs) -> tuple[str, TrainingRunOutputs]:
        """Train, or take over the job of the same name; then the gate, then the bucket."""
        clients, name = clients_in(new.region), name_of(new)
        jobs = SageMakerJobs(context, clients, name, new)
        return name, training_flow.train(context, clients, new, jobs, retry=False)

    @override
    def read(
        self, context: Context, identifier: str, inputs: TrainingRunInputs, outputs: TrainingRunOutputs
    ) -> TrainingRunOutputs | None:
        """Gone when the model is, or is another one."""
        clients = clients_in(outputs.region)
        jobs = SageMakerJobs(context, clients, outputs.run_name, inputs)
        return training_flow.read(clients, identifier, inputs, outputs, jobs)

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
        jobs = SageMakerJobs(context, clients, name_of(new), new)
        return training_flow.update(context, clients, outputs, new, jobs)

    @override
    def delete(self, context: Context, identifier: str, outputs: TrainingRunOutputs) -> None:
        """Stop a job that runs; the record of an ended one costs nothing and stays, as does the model."""
        if outputs.status != PUBLISHED:
            jobs = SageMakerJobs(context, clients_in(outputs.region), outputs.run_name, None)
            training_flow.end(context, jobs)
