"""Training on the GPU cluster of AWS: a job on the Batch queue, named by its inputs, behind a metric gate."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.aws.resources import BatchTrainingRun
from mlcloud.core.args import TrainingArgs, validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AwsClusterTrainingArgs:
    """What a training run on the cluster is made from. The cluster brings image, role, machines and network.

    Attributes:
        scope: Whose it is and where.
        training: What is trained; a run has at least 60 s.
        data_uri: `s3://` URI of the data file, in the bucket that the cluster's jobs read.
        data_sha256: The file's SHA-256; another file is another run.
        queue_arn: The cluster's queue.
        job_definition_arn: The cluster's definition of jobs. Another image alone never trains again.
        log_group: Name of the log group of the cluster's jobs.
        models_bucket: Name of the bucket that takes the model and that the cluster's jobs write.
        nodes: Machines that train together, 1 to 1000: as many as the cluster's jobs have. Default 1.
        kms_key_arn: Key of the model. Default: the bucket's own encryption.
        wait: Wait for the run inside the update. Default: yes.
    """

    scope: Scope
    training: TrainingArgs
    data_uri: pulumi.Input[str]
    data_sha256: pulumi.Input[str]
    queue_arn: pulumi.Input[str]
    job_definition_arn: pulumi.Input[str]
    log_group: pulumi.Input[str]
    models_bucket: pulumi.Input[str]
    nodes: int = 1
    kms_key_arn: pulumi.Input[str] | None = None
    wait: bool = True

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The training run",
            within("nodes", self.nodes, low=1, high=1000),
            within("training.timeout_s", self.training.timeout_s, low=60),
        )


class AwsClusterTraining(pulumi.ComponentResource):
    """A model that passed its gate, from a job on the cluster."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    model_uri: pulumi.Output[str]
    model_sha256: pulumi.Output[str]
    metrics: pulumi.Output[Mapping[str, float]]
    report: pulumi.Output[str]
    logs: pulumi.Output[str]
    """The job's log streams: `<log group>:<prefix of the streams>`."""
    duration_s: pulumi.Output[float]
    """Seconds that the training took."""

    def __init__(
        self, name: str, args: AwsClusterTrainingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AwsClusterTraining", name, {}, opts)
        scope, training = args.scope, args.training
        run = BatchTrainingRun(
            f"{name}-run",
            name=sagemaker_prefix(scope),
            region=scope.region,
            data_uri=args.data_uri,
            data_sha256=args.data_sha256,
            hyperparameters=training.trainer_hyperparameters(),
            job_queue=args.queue_arn,
            job_definition=args.job_definition_arn,
            log_group=args.log_group,
            models_bucket=args.models_bucket,
            gate=dict(training.gate),
            timeout_s=training.timeout_s,
            wait=args.wait,
            nodes=args.nodes,
            kms_key_arn=args.kms_key_arn,
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
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
