"""Inputs and outputs of a training run on Azure ML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.azure import checks
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
# `<name>-<12 digits of the inputs' hash>-<try>` is the job's name, which people have to read.
LONGEST_NAME: Final = 50
# A job is cancelled after 30 days (https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas).
LONGEST_RUN_S: Final = 30 * 24 * 3600
_ML: Final = "Microsoft.MachineLearningServices"
# The words of the command job's schema
# (https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command#distribution-configurations).
DISTRIBUTIONS: Final = ("pytorch", "mpi", "tensorflow")


def _hyperparameters(value: Mapping[str, str]) -> str | None:
    gates = [key for key in value if key.startswith("gate.")]
    return f"{', '.join(gates)}: gates are no hyperparameters, use `gate`." if gates else None


@dataclass(frozen=True, kw_only=True)
class AzureTrainingRunInputs:
    """What a training run is made from. Name, data and hyperparameters are the run's identity.

    Attributes:
        name: what the run's own name starts with, 1 to 50 of a-z, 0-9 and -.
        subscription: id of the subscription.
        resource_group: name of the workspace's resource group.
        workspace: name of the Azure ML workspace.
        region: short name of the workspace's region.
        data_uri: `https://` address in Blob Storage of the training data, one CSV or Parquet file.
        data_sha256: SHA-256 of the data; the finished model must say that it was trained on it.
        hyperparameters: flat map as the trainer takes it: `estimator`, `target`, `estimator.C`, ...
        environment_id: id of an environment's version, whose image is by digest. Another one alone never
            trains again.
        identity_id: id of the user-assigned identity that the job works as.
        client_id: the identity's client id.
        models_uri: `https://` address of the container that takes the model, under `models/<sha256>/`.
        models_datastore: name of the workspace's datastore for that container, which the job's record names.
            Default `models`.
        gate: threshold by metric: a minimum for scores, a maximum for losses. Changing it never trains again.
        timeout_s: seconds that the training may take, at most 30 days. Default 3600.
        wait: follow the job until it ends; false: submit it, and the next update picks it up. Default true.
        compute: id of a compute cluster on whose machines it runs. Default: serverless compute.
        instance_type: machine size of serverless compute; needed there, and none with a cluster.
        instances: machines that train together, 1 to 100. Default 1.
        spot: use spare capacity of serverless compute, which may be taken back; a cluster's machines are
            spare or not by themselves. Default false.
        distribution: how several machines find each other: pytorch, mpi or tensorflow. Default: pytorch with
            several machines, else none.
        tags: tags of the job.
    """

    name: str = field(metadata=options(replace=True, check=checks.name_of_at_most(LONGEST_NAME)))
    subscription: str = field(metadata=options(replace=True, check=checks.subscription))
    resource_group: str = field(metadata=options(replace=True, check=checks.resource_group))
    workspace: str = field(metadata=options(replace=True, check=checks.workspace))
    region: str = field(metadata=options(replace=True, check=checks.region))
    data_uri: str = field(metadata=options(check=checks.blob_uri))
    data_sha256: str = field(metadata=options(replace=True, check=common.sha256))
    hyperparameters: dict[str, str] = field(metadata=options(replace=True, check=_hyperparameters))
    environment_id: str = field(
        metadata=options(check=checks.resource_id(_ML, "workspaces", "environments", "versions"))
    )
    identity_id: str = field(
        metadata=options(check=checks.resource_id("Microsoft.ManagedIdentity", "userAssignedIdentities"))
    )
    client_id: str = field(metadata=options(check=checks.client_id))
    models_uri: str = field(metadata=options(replace=True, check=checks.blob_uri))
    models_datastore: str = field(default="models", metadata=options(check=checks.datastore))
    gate: dict[str, float] = field(default_factory=dict[str, float])
    timeout_s: float = field(
        default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(1, LONGEST_RUN_S))
    )
    wait: bool = True
    compute: str | None = field(
        default=None, metadata=options(check=checks.resource_id(_ML, "workspaces", "computes"))
    )
    instance_type: str | None = field(default=None, metadata=options(check=checks.instance_type))
    instances: int = field(default=1, metadata=options(check=checks.between(1, 100)))
    spot: bool = False
    distribution: str | None = field(default=None, metadata=options(check=checks.one_of(DISTRIBUTIONS)))
    tags: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.tags))


@dataclass(frozen=True, kw_only=True)
class AzureTrainingRunOutputs:
    """What a training run offers. A run in progress, or one that failed, has no model yet.

    Attributes:
        run_name: the run's name, which follows from the inputs; its job's name begins with it.
        subscription: id of the subscription.
        resource_group: name of the workspace's resource group.
        workspace: name of the workspace in which it trained.
        job: id of the job.
        logs: address of the job in Azure ML studio, where its lines are.
        status: `published`: the gate passed and the model is in the container; `in-progress`; `failed`.
        model_uri: the model's `https://` folder; it holds the hash.
        model_sha256: SHA-256 of the model's manifest, which names the hash of every other file.
        metrics: metrics on held-out rows, by name.
        report: `https://` address of the HTML report.
        duration_s: seconds that the training took.
    """

    run_name: str = field(metadata=options(stable=True))
    subscription: str = field(metadata=options(stable=True))
    resource_group: str = field(metadata=options(stable=True))
    workspace: str = field(metadata=options(stable=True))
    job: str
    logs: str
    status: str
    model_uri: str | None = None
    model_sha256: str | None = None
    metrics: dict[str, float] | None = None
    report: str | None = None
    duration_s: float | None = None
