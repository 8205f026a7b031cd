"""Inputs and outputs of a training run on Vertex AI."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.fields import options
from mlcloud.provider.gcp import checks
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
# `<name>-<12 digits of the inputs' hash>` is the job's display name and a label's value.
HASH_DIGITS: Final = 12
LONGEST_NAME: Final = checks.LONGEST_NAME - HASH_DIGITS - 1
# Scheduling.timeout is seven days where nothing else is given; a longer one needs no other machine.
LONGEST_RUN_S: Final = 28 * 24 * 3600


def _hyperparameters(value: Mapping[str, str]) -> str | None:
    gates = [key for key in value if key.startswith("gate.")]
    return f"{', '.join(gates)}: gates are no hyperparameters, use `gate`." if gates else None


def _network(value: str) -> str | None:
    # CustomJobSpec.network: `projects/{project number}/global/networks/{name}`.
    if re.fullmatch(r"projects/[^/]+/global/networks/[^/]+", value):
        return None
    return f'"{value}" is not a network: projects/<project number>/global/networks/<network>.'


@dataclass(frozen=True, kw_only=True)
class VertexTrainingRunInputs:
    """What a training run is made from. Name, data and hyperparameters are the run's identity.

    Attributes:
        name: what the run's own name starts with, 1 to 50 of a-z, 0-9 and -.
        project: identifier of the project.
        region: name of the region in which it trains.
        data_uri: `gs://` address of the training data, one CSV or Parquet file.
        data_sha256: SHA-256 of the data; the finished model must say that it was trained on it.
        hyperparameters: flat map as the trainer takes it: `estimator`, `target`, `estimator.C`, ...
        image_uri: the trainer's image, by digest. Another image alone never trains again.
        service_account: what the job works as.
        models_bucket: name of the bucket that takes the model, under `models/<sha256>/`.
        gate: threshold by metric: a minimum for scores, a maximum for losses. Changing it never trains again.
        timeout_s: seconds that the training may take, at most 28 days. Default 3600.
        wait: follow the job until it ends; false: submit it, and the next update picks it up. Default true.
        output_uri: `gs://` folder for what the job itself writes. Default: `runs/` in the models bucket.
        machine_type: machine type of each replica. Default n1-standard-4.
        accelerator_type: accelerator of each replica, as Vertex AI names it (`NVIDIA_L4`). Default: none.
        accelerator_count: accelerators of each replica, 1 to 16; needed with a type.
        replica_count: machines that train together, 1 to 100. Default 1.
        disk_gb: disk of each machine, in GB, 100 to 64000. Default 100.
        spot: use spare capacity, which may be taken back. Default false.
        restart_on_worker_restart: start the whole job again when one of its machines is. Default false.
        persistent_resource: identifier of a persistent resource of the same region on whose machines it runs.
        network: network of yours that is peered with Google's. Default: none.
        network_attachment: network attachment of the same region, through which the job reaches your network.
        kms_key_name: key that encrypts what the job makes. Default: Google's own.
        labels: labels of the job.
        grant_wait_s: seconds for which a refusal may be a grant that Google does not see yet, 0 to 3600.
            Default 600.
    """

    name: str = field(metadata=options(replace=True, check=checks.name_of_at_most(LONGEST_NAME)))
    project: str = field(metadata=options(replace=True, check=checks.project))
    region: str = field(metadata=options(replace=True, check=checks.region))
    data_uri: str = field(metadata=options(check=checks.gs_uri))
    data_sha256: str = field(metadata=options(replace=True, check=common.sha256))
    hyperparameters: dict[str, str] = field(metadata=options(replace=True, check=_hyperparameters))
    image_uri: str = field(metadata=options(check=checks.image))
    service_account: str = field(metadata=options(check=checks.service_account))
    models_bucket: str = field(metadata=options(replace=True, check=checks.bucket))
    gate: dict[str, float] = field(default_factory=dict[str, float])
    timeout_s: float = field(
        default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(1, LONGEST_RUN_S))
    )
    wait: bool = True
    output_uri: str | None = field(default=None, metadata=options(check=checks.gs_uri))
    machine_type: str = field(default="n1-standard-4", metadata=options(check=checks.machine_type))
    accelerator_type: str | None = None
    accelerator_count: int | None = field(default=None, metadata=options(check=checks.between(1, 16)))
    replica_count: int = field(default=1, metadata=options(check=checks.between(1, 100)))
    # DiskSpec: 100 GB where nothing is given; persistent disks go up to 64 TB.
    disk_gb: int = field(default=100, metadata=options(check=checks.between(100, 64000)))
    spot: bool = False
    restart_on_worker_restart: bool = False
    persistent_resource: str | None = field(
        default=None, metadata=options(check=checks.name_of_at_most(checks.LONGEST_NAME))
    )
    network: str | None = field(default=None, metadata=options(check=_network))
    network_attachment: str | None = field(
        default=None, metadata=options(check=checks.resource_name("regions", "networkAttachments"))
    )
    kms_key_name: str | None = field(default=None, metadata=options(check=checks.kms_key))
    labels: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.labels))
    grant_wait_s: float = field(default=checks.GRANT_WAIT_S, metadata=options(check=checks.grant_wait))


@dataclass(frozen=True, kw_only=True)
class VertexTrainingRunOutputs:
    """What a training run offers. A run in progress, or one that failed, has no model yet.

    Attributes:
        run_name: the run's name, which follows from the inputs; its job shows it.
        project: identifier of the project.
        region: name of the region in which it trained.
        job: full name of the custom job.
        logs: the job's lines in Cloud Logging, as a query.
        status: `published`: the gate passed and the model is in the bucket; `in-progress`; `failed`.
        model_uri: the model's `gs://` folder; it holds the hash.
        model_sha256: SHA-256 of the model's manifest, which names the hash of every other file.
        metrics: metrics on held-out rows, by name.
        report: `gs://` address of the HTML report.
        duration_s: seconds that the training took.
    """

    run_name: str = field(metadata=options(stable=True))
    project: str = field(metadata=options(stable=True))
    region: str = field(metadata=options(stable=True))
    job: str
    logs: str
    status: str
    model_uri: str | None = None
    model_sha256: str | None = None
    metrics: dict[str, float] | None = None
    report: str | None = None
    duration_s: float | None = None
