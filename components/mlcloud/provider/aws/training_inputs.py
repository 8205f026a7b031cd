"""Inputs of a training run on SageMaker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.aws import checks
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
# `<name>-<12 digits of the inputs' hash>` is the job's name.
HASH_DIGITS: Final = 12
LONGEST_NAME: Final = checks.SAGEMAKER_NAME_LENGTH - HASH_DIGITS - 1
# StoppingCondition: 28 days (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html).
LONGEST_RUN_S: Final = 28 * 24 * 3600


def _hyperparameters(value: Mapping[str, str]) -> str | None:
    gates = [key for key in value if key.startswith("gate.")]
    if gates:
        return f"{', '.join(gates)}: gates are no hyperparameters, use `gate`."
    # HyperParameters in the API model: 100 pairs, keys of 256 and values of 2500 characters.
    if len(value) > 100:
        return f"{len(value)} are too many: SageMaker takes at most 100."
    long = [key for key, text in value.items() if len(key) > 256 or len(text) > 2500]
    return f"{', '.join(long)}: keys have at most 256 and values 2500 characters." if long else None


@dataclass(frozen=True, kw_only=True)
class TrainingRunInputs:
    """What a training run is made from. Name, data and hyperparameters are the run's identity.

    Attributes:
        name: what the run's own name starts with, 1 to 50 letters, digits and hyphens.
        region: code of the region in which it trains.
        data_uri: `s3://` URI of the training data, one CSV or Parquet file.
        data_sha256: SHA-256 of the data; the finished model must say that it was trained on it.
        hyperparameters: flat map as the trainer takes it: `estimator`, `target`, `estimator.C`, ...
        image_uri: the trainer's image, by digest. Another image alone never trains again.
        role_arn: ARN of the role that the job works with.
        models_bucket: name of the bucket that takes the model, under `models/<sha256>/`.
        gate: threshold by metric: a minimum for scores, a maximum for losses. Changing it never trains again.
        timeout_s: seconds that the training may take, at most 28 days. Default 3600.
        wait: follow the job until it ends; false: submit it, and the next update picks it up. Default true.
        output_uri: `s3://` prefix for what the job itself writes. Default: `runs/` in the models bucket.
        instance_type: SageMaker's name of the machine type. Default ml.m5.large.
        instance_count: machines that train together, 1 to 100; the bundled trainer uses the first. Default 1.
        volume_gb: disk of each machine, in GB. Default 30.
        spot: use spare capacity, which may be taken back. Default false.
        max_wait_s: with `spot`: seconds for waiting and training together. Default: twice `timeoutS`.
        checkpoint_uri: with `spot`: `s3://` prefix that SageMaker keeps equal with `/opt/ml/checkpoints`. The
            bundled trainer writes none: its fits are one call, and begin anew after an interruption. Default:
            `checkpoints/` in `outputUri`.
        subnet_ids: private subnets of the job, at most 16. Default: no VPC of yours.
        security_group_ids: security groups of the job, at most 5; needed with subnets.
        kms_key_arn: key for output and, but on machine types with storage of their own, which encrypt it
            themselves, for disks. Default: the bucket's own encryption, and AWS's key for disks.
        network_isolation: the container reaches no network at all. Default true.
        encrypt_between_containers: encrypt traffic between several machines. Default false.
        tags: tags of the job, at most 50.
    """

    name: str = field(metadata=options(replace=True, check=checks.name_of_at_most(LONGEST_NAME)))
    region: str = field(metadata=options(replace=True, check=checks.region))
    data_uri: str = field(metadata=options(check=checks.s3_uri))
    data_sha256: str = field(metadata=options(replace=True, check=common.sha256))
    hyperparameters: dict[str, str] = field(metadata=options(replace=True, check=_hyperparameters))
    image_uri: str
    role_arn: str = field(metadata=options(check=checks.role_arn))
    models_bucket: str = field(metadata=options(replace=True, check=checks.bucket))
    gate: dict[str, float] = field(default_factory=dict[str, float])
    timeout_s: float = field(
        default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(1, LONGEST_RUN_S))
    )
    wait: bool = True
    output_uri: str | None = field(default=None, metadata=options(check=checks.s3_uri))
    instance_type: str = field(default="ml.m5.large", metadata=options(check=checks.instance_type))
    instance_count: int = field(default=1, metadata=options(check=checks.between(1, 100)))
    # EBS volumes of SageMaker go up to 16 TB.
    volume_gb: int = field(default=30, metadata=options(check=checks.between(1, 16384)))
    spot: bool = False
    max_wait_s: float | None = field(default=None, metadata=options(check=checks.between(1, LONGEST_RUN_S)))
    checkpoint_uri: str | None = field(default=None, metadata=options(check=checks.s3_uri))
    subnet_ids: list[str] = field(default_factory=list[str], metadata=options(check=checks.at_most(16)))
    security_group_ids: list[str] = field(
        default_factory=list[str], metadata=options(check=checks.at_most(5))
    )
    kms_key_arn: str | None = None
    network_isolation: bool = True
    encrypt_between_containers: bool = False
    tags: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.tags))
