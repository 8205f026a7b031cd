"""Inputs of a training run on Batch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.aws import checks
from mlcloud.provider.aws.training_inputs import DEFAULT_TIMEOUT_S, LONGEST_NAME, LONGEST_RUN_S
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common

# Of the 30 KiB that SubmitJob takes as a whole (https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html).
_LONGEST_HYPERPARAMETERS: Final = 20_000


def _hyperparameters(value: Mapping[str, str]) -> str | None:
    gates = [key for key in value if key.startswith("gate.")]
    if gates:
        return f"{', '.join(gates)}: gates are no hyperparameters, use `gate`."
    length = len(json.dumps(dict(value)))
    if length <= _LONGEST_HYPERPARAMETERS:
        return None
    return f"{length} characters as JSON are too many: at most {_LONGEST_HYPERPARAMETERS} reach a job."


@dataclass(frozen=True, kw_only=True)
class BatchTrainingRunInputs:
    """What a training run on Batch is made from. Name, data and hyperparameters are the run's identity.

    Attributes:
        name: what the run's own name starts with, 1 to 50 letters, digits and hyphens.
        region: code of the region in which it trains.
        data_uri: `s3://` URI of the training data, one CSV or Parquet file.
        data_sha256: SHA-256 of the data; the finished model must say that it was trained on it.
        hyperparameters: flat map as the trainer takes it: `estimator`, `target`, `estimator.C`, ...
        job_queue: ARN of the queue whose machines train.
        job_definition: ARN of the job's definition, whose image is the trainer's.
        log_group: name of the log group that the definition names.
        models_bucket: name of the bucket that takes the model, under `models/<sha256>/`.
        gate: threshold by metric: a minimum for scores, a maximum for losses. Changing it never trains again.
        timeout_s: seconds that one attempt may take, 60 to 28 days. Default 3600.
        wait: follow the job until it ends; false: submit it, and the next update picks it up. Default true.
        output_uri: `s3://` prefix for what the job itself writes. Default: `runs/` in the models bucket.
        nodes: machines that train together, 1 to 1000; several take a multi-node definition. Default: 1.
        kms_key_arn: key of the model. Default: the bucket's own encryption.
        tags: tags of the job, at most 50.
    """

    name: str = field(metadata=options(replace=True, check=checks.name_of_at_most(LONGEST_NAME)))
    region: str = field(metadata=options(replace=True, check=checks.region))
    data_uri: str = field(metadata=options(check=checks.s3_uri))
    data_sha256: str = field(metadata=options(replace=True, check=common.sha256))
    hyperparameters: dict[str, str] = field(metadata=options(replace=True, check=_hyperparameters))
    job_queue: str = field(metadata=options(check=checks.batch_arn("job-queue")))
    job_definition: str = field(metadata=options(check=checks.batch_arn("job-definition")))
    log_group: str
    models_bucket: str = field(metadata=options(replace=True, check=checks.bucket))
    gate: dict[str, float] = field(default_factory=dict[str, float])
    # A timeout under 60 s is refused (https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html).
    timeout_s: float = field(
        default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(60, LONGEST_RUN_S))
    )
    wait: bool = True
    output_uri: str | None = field(default=None, metadata=options(check=checks.s3_uri))
    nodes: int = field(default=1, metadata=options(check=checks.between(1, 1000)))
    kms_key_arn: str | None = None
    tags: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.tags))
