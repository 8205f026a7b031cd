"""Training on AWS: a SageMaker training job, named by its inputs, behind a metric gate."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mlcloud.aws.placement import Placement
from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.aws.resources import TrainingRun
from mlcloud.core.args import TrainingArgs, needed_in_prod, validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AwsTrainingArgs:
    """What a training run on AWS is made from.

    Attributes:
        scope: Whose it is and where.
        training: What is trained.
        data_uri: `s3://` URI of the data file.
        data_sha256: The file's SHA-256; another file is another run.
        image_uri: The trainer's image in ECR, by digest. Another image alone never trains again.
        role_arn: The role that the job works with.
        models_bucket: Name of the bucket that takes the model.
        instance_type: SageMaker's name of the machine type. Default ml.m5.large.
        instances: Machines that train together, 1 to 100; the bundled trainer uses one. Default 1.
        spot: Use spare capacity: cheaper, and it may be taken back; the job then starts again, with what it
            left in `/opt/ml/checkpoints` (the bundled trainer leaves nothing there). Default: no.
        volume_gb: Disk of each machine, 1 to 16384 GB. Default 30.
        placement: Private subnets and security groups. Default: no network of one's own.
        kms_key_arn: Key of output and disks. Default: the bucket's own encryption.
        wait: Wait for the run inside the update. Default: yes.
    """

    scope: Scope
    training: TrainingArgs
    data_uri: pulumi.Input[str]
    data_sha256: pulumi.Input[str]
    image_uri: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    models_bucket: pulumi.Input[str]
    instance_type: str = "ml.m5.large"
    instances: int = 1
    spot: bool = False
    volume_gb: int = 30
    placement: Placement | None = None
    kms_key_arn: pulumi.Input[str] | None = None
    wait: bool = True

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        prod = self.scope.is_prod
        validate(
            "The training run",
            within("instances", self.instances, low=1, high=100),
            within("volume_gb", self.volume_gb, low=1, high=16384),
            needed_in_prod("kms_key_arn", self.kms_key_arn, "a key of one's own", prod=prod),
            needed_in_prod("placement", self.placement, "private subnets", prod=prod),
        )


class AwsTraining(pulumi.ComponentResource):
    """A model that passed its gate, from a job that reaches no network."""

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

    def __init__(self, name: str, args: AwsTrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsTraining", name, {}, opts)
        scope, training, placement = args.scope, args.training, args.placement
        run = TrainingRun(
            f"{name}-run",
            name=sagemaker_prefix(scope),
            region=scope.region,
            data_uri=args.data_uri,
            data_sha256=args.data_sha256,
            hyperparameters=training.trainer_hyperparameters(),
            gate=dict(training.gate),
            timeout_s=training.timeout_s,
            wait=args.wait,
            image_uri=args.image_uri,
            role_arn=args.role_arn,
            models_bucket=args.models_bucket,
            instance_type=args.instance_type,
            instance_count=args.instances,
            volume_gb=args.volume_gb,
            spot=args.spot,
            subnet_ids=None if placement is None else placement.subnet_ids,
            security_group_ids=None if placement is None else placement.security_group_ids,
            kms_key_arn=args.kms_key_arn,
            network_isolation=True,
            # Traffic between machines is the only one there is.
            encrypt_between_containers=args.instances > 1 or scope.is_prod,
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
