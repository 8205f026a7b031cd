"""Training on Azure: a command job of Azure ML, named by its inputs, behind a metric gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from mlcloud.azure.instances import vcpus_of
from mlcloud.azure.prefixes import azureml_prefix
from mlcloud.azure.resources import AzureTrainingRun
from mlcloud.core.args import TrainingArgs, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

INSTANCE_TYPE: Final = "Standard_DS3_v2"


@dataclass(frozen=True, kw_only=True)
class AzureTrainingArgs:
    """What a training run on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace: Name of the workspace, whose network is the run's.
        training: What is trained.
        data_uri: `https://<account>.blob.core.windows.net/...`, the data file.
        data_sha256: The file's SHA-256; another file is another run.
        environment_id: Resource id of the environment's version, which names the trainer's image by digest.
            Another image alone never trains again.
        identity_id: Resource id of the user-assigned identity that the job works as.
        client_id: The identity's client id.
        models_uri: `https://<account>.blob.core.windows.net/<container>`, where the model goes.
        datastore: Name of the workspace's datastore for that container. Default `models`.
        instance_type: Azure's name of the machine size. Default Standard_DS3_v2.
        instances: Machines that train together, 1 to 100. Default 1.
        spot: Use spare capacity: cheaper, and it may be taken back. Default: no.
        compute: Resource id of a cluster on whose machines it runs. Default: machines of its own, which
            Azure ML calls serverless.
        wait: Wait for the run inside the update. Default: yes.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]
    training: TrainingArgs
    data_uri: pulumi.Input[str]
    data_sha256: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    client_id: pulumi.Input[str]
    models_uri: pulumi.Input[str]
    datastore: pulumi.Input[str] | None = None
    instance_type: str = INSTANCE_TYPE
    instances: int = 1
    spot: bool = False
    compute: pulumi.Input[str] | None = None
    wait: bool = True

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
            UserError: The machine size is none.
        """
        vcpus_of(self.instance_type)
        waiting = Problem(
            path="spot",
            value=True,
            allowed="no spare capacity on a cluster: its machines are what the cluster says",
            fix="remove `spot`, or make the cluster of spare machines",
        )
        validate(
            "The training run",
            within("instances", self.instances, low=1, high=100),
            waiting if self.spot and self.compute is not None else None,
        )


class AzureTraining(pulumi.ComponentResource):
    """A model that passed its gate."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    job_name: pulumi.Output[str]
    """Name of the job that trained the model, as the workspace lists it."""
    model_uri: pulumi.Output[str]
    model_sha256: pulumi.Output[str]
    metrics: pulumi.Output[Mapping[str, float]]
    report: pulumi.Output[str]
    logs: pulumi.Output[str]
    """Where the job's lines are."""
    duration_s: pulumi.Output[float]
    """Seconds that the training took."""

    def __init__(
        self, name: str, args: AzureTrainingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureTraining", name, {}, opts)
        scope, training = args.scope, args.training
        own = args.compute is None
        run = AzureTrainingRun(
            f"{name}-run",
            name=azureml_prefix(scope),
            subscription=scope.account,
            resource_group=args.resource_group,
            workspace=args.workspace,
            region=scope.region,
            data_uri=args.data_uri,
            data_sha256=args.data_sha256,
            hyperparameters=training.trainer_hyperparameters(),
            gate=dict(training.gate),
            timeout_s=training.timeout_s,
            wait=args.wait,
            environment_id=args.environment_id,
            identity_id=args.identity_id,
            client_id=args.client_id,
            models_uri=args.models_uri,
            models_datastore=args.datastore,
            compute=args.compute,
            instance_type=args.instance_type if own else None,
            instances=args.instances,
            spot=args.spot,
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
        )
        self.id = run.id
        self.name = run.run_name
        self.job_name = run.job.apply(lambda job: job.rpartition("/")[2])
        self.model_uri = run.model_uri
        self.model_sha256 = run.model_sha256
        self.metrics = run.metrics
        self.report = run.report
        self.logs = run.logs
        self.duration_s = run.duration_s
        self.register_outputs(
            {"model_uri": self.model_uri, "model_sha256": self.model_sha256, "metrics": self.metrics}
        )
