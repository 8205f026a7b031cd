"""Training on this machine: the trainer as a process, behind a metric gate."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mlcloud.core.args import TrainingArgs
from mlcloud.core.options import child_options
from mlcloud.local.resources import TrainingRun
from mlcloud.local.scope import LocalScope


@dataclass(frozen=True, kw_only=True)
class LocalTrainingArgs:
    """What a training run on this machine is made from.

    Attributes:
        scope: Whose it is and where.
        training: What is trained, and how good it must be.
        data_uri: `file://` URI of the data file.
        data_sha256: SHA-256 of the data file.
        models_bucket: Directory of the bucket that takes the model.
        runs_directory: Directory of the bucket that holds the run's files and logs.
        wait: Wait for the run inside the update. Default: yes.
    """

    scope: LocalScope
    training: TrainingArgs
    data_uri: pulumi.Input[str]
    data_sha256: pulumi.Input[str]
    models_bucket: pulumi.Input[str]
    runs_directory: pulumi.Input[str]
    wait: bool = True


class LocalTraining(pulumi.ComponentResource):
    """One training run, named by its inputs; its model reached the gate."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    model_uri: pulumi.Output[str]
    model_sha256: pulumi.Output[str]
    metrics: pulumi.Output[Mapping[str, float]]
    report: pulumi.Output[str]
    """Absolute path of the HTML report."""
    logs: pulumi.Output[str]
    """Absolute path of the folder with the trainer's log."""
    duration_s: pulumi.Output[float]

    def __init__(
        self, name: str, args: LocalTrainingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:LocalTraining", name, {}, opts)
        run = TrainingRun(
            f"{name}-run",
            name=name,
            data_uri=args.data_uri,
            data_sha256=args.data_sha256,
            hyperparameters=args.training.trainer_hyperparameters(),
            gate=dict(args.training.gate),
            models_bucket=args.models_bucket,
            runs_directory=args.runs_directory,
            timeout_s=args.training.timeout_s,
            wait=args.wait,
            opts=child_options(self, environment=args.scope.environment),
        )
        self.id = run.id
        self.name = run.run_name
        self.model_uri = run.model_uri
        self.model_sha256 = run.model_sha256
        self.metrics = run.metrics
        self.report = run.report
        self.logs = run.logs
        self.duration_s = run.duration_s
        self.register_outputs(
            {"model_uri": self.model_uri, "model_sha256": self.model_sha256, "metrics": self.metrics}
        )
