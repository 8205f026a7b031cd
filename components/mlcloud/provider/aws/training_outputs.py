"""What a training run on AWS offers, whatever runs its job."""

from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.fields import options

PUBLISHED: Final = "published"
IN_PROGRESS: Final = "in-progress"
FAILED: Final = "failed"


@dataclass(frozen=True, kw_only=True)
class TrainingRunOutputs:
    """What a training run offers. A run in progress, or one that failed, has no model yet.

    Attributes:
        run_name: the job's name, which follows from the inputs.
        region: code of the region in which it trained.
        run_arn: the job's ARN.
        logs: where the job's log is in CloudWatch: `<log group>:<prefix of its streams>`.
        status: `published`: the gate passed and the model is in the bucket; `in-progress`; `failed`.
        model_uri: the model's `s3://` URI, an archive; it holds the hash.
        model_sha256: SHA-256 of the model's manifest, which names the hash of every other file.
        metrics: metrics on held-out rows, by name.
        report: `s3://` URI of the HTML report.
        duration_s: seconds that the training took.
    """

    run_name: str = field(metadata=options(stable=True))
    region: str = field(metadata=options(stable=True))
    run_arn: str = field(metadata=options(stable=True))
    logs: str = field(metadata=options(stable=True))
    status: str
    model_uri: str | None = None
    model_sha256: str | None = None
    metrics: dict[str, float] | None = None
    report: str | None = None
    duration_s: float | None = None
