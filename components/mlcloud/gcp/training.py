"""Training on GCP: a custom job of Vertex AI, named by its inputs, behind a metric gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from mlcloud.core.args import TrainingArgs, needed_in_prod, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.instances import accelerator_of
from mlcloud.gcp.placement import Placement
from mlcloud.gcp.prefixes import vertex_prefix
from mlcloud.gcp.resources import VertexTrainingRun

MACHINE_TYPE: Final = "n1-standard-4"


@dataclass(frozen=True, kw_only=True)
class GcpTrainingArgs:
    """What a training run on GCP is made from.

    Attributes:
        scope: Whose it is and where.
        training: What is trained.
        data_uri: `gs://` URI of the data file.
        data_sha256: The file's SHA-256; another file is another run.
        image_uri: The trainer's image in Artifact Registry, by digest. Another image alone never trains
            again.
        service_account: E-mail address of the account that the job works as.
        models_bucket: Name of the bucket that takes the model.
        machine_type: Compute Engine's name of the machine type. Default n1-standard-4.
        accelerator_type: Vertex AI's name of the accelerator. Default: what the machine type brings.
        accelerator_count: Accelerators of each machine, 1 to 16. Default: what the machine type brings.
        instances: Machines that train together, 1 to 100. Default 1.
        spot: Use spare capacity: cheaper, and it may be taken back. Default: no.
        disk_gb: Disk of each machine, 100 to 64000 GB. Default 100.
        placement: The network that the job joins. Default: none of one's own.
        persistent_resource: Identifier of a persistent resource whose machines it runs on; machine type,
            accelerators, disk, network and key have to be that one's
            (https://cloud.google.com/vertex-ai/docs/training/persistent-resource-train). Default: new ones.
        key_name: KMS key of what the job makes. Default: Google's own keys.
        wait: Wait for the run inside the update. Default: yes.
    """

    scope: Scope
    training: TrainingArgs
    data_uri: pulumi.Input[str]
    data_sha256: pulumi.Input[str]
    image_uri: pulumi.Input[str]
    service_account: pulumi.Input[str]
    models_bucket: pulumi.Input[str]
    machine_type: str = MACHINE_TYPE
    accelerator_type: str | None = None
    accelerator_count: int | None = None
    instances: int = 1
    spot: bool = False
    disk_gb: int = 100
    placement: Placement | None = None
    persistent_resource: pulumi.Input[str] | None = None
    key_name: pulumi.Input[str] | None = None
    wait: bool = True

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        prod = self.scope.is_prod
        waiting = Problem(
            path="spot",
            value=True,
            allowed="no spare capacity on a persistent resource: its machines wait already",
            fix="remove `spot` or `persistent_resource`",
        )
        alone = Problem(
            path="accelerator_count",
            value=self.accelerator_count,
            allowed="a type and a number, or neither",
            fix="give both",
        )
        validate(
            "The training run",
            within("accelerator_count", self.accelerator_count, low=1, high=16),
            None if (self.accelerator_type is None) == (self.accelerator_count is None) else alone,
            within("instances", self.instances, low=1, high=100),
            within("disk_gb", self.disk_gb, low=100, high=64000),
            waiting if self.spot and self.persistent_resource is not None else None,
            needed_in_prod("key_name", self.key_name, "a key of one's own", prod=prod),
            needed_in_prod("placement", self.placement, "a network", prod=prod),
        )


class GcpTraining(pulumi.ComponentResource):
    """A model that passed its gate."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    model_uri: pulumi.Output[str]
    model_sha256: pulumi.Output[str]
    metrics: pulumi.Output[Mapping[str, float]]
    report: pulumi.Output[str]
    logs: pulumi.Output[str]
    """The job's lines in Cloud Logging, as a query."""
    duration_s: pulumi.Output[float]
    """Seconds that the training took."""

    def __init__(self, name: str, args: GcpTrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpTraining", name, {}, opts)
        scope, training, placement = args.scope, args.training, args.placement
        accelerator, count = args.accelerator_type, args.accelerator_count
        if accelerator is None:
            accelerator, count = accelerator_of(args.machine_type) or (None, None)
        run = VertexTrainingRun(
            f"{name}-run",
            name=vertex_prefix(scope),
            project=scope.account,
            region=scope.region,
            data_uri=args.data_uri,
            data_sha256=args.data_sha256,
            hyperparameters=training.trainer_hyperparameters(),
            gate=dict(training.gate),
            timeout_s=training.timeout_s,
            wait=args.wait,
            image_uri=args.image_uri,
            service_account=args.service_account,
            models_bucket=args.models_bucket,
            machine_type=args.machine_type,
            accelerator_type=accelerator,
            accelerator_count=count,
            replica_count=args.instances,
            disk_gb=args.disk_gb,
            spot=args.spot,
            persistent_resource=args.persistent_resource,
            network_attachment=None if placement is None else placement.network_attachment,
            kms_key_name=args.key_name,
            labels=scope.tags,
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
