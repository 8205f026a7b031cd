"""The typed model of a stack's config: one class for each section, one field for each key.

Descriptions are read by people in editors and in the generated reference; where a number came from a vendor,
the description or the comment beside it names the source.
"""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, StrictBool, StrictStr, Tag

from mlcloud.core.metrics import TASKS_OF, Estimator, MetricName, Task
from mlcloud.core.settings.base import Flag, Int, Number, Percent, Port, Section, Servers, Text, form, kind_or
from mlcloud.core.settings.place import Cluster, Network

Cloud = Literal["local", "aws", "gcp", "azure"]
Environment = Literal["dev", "staging", "prod"]

# An image by digest, as the OCI distribution specification writes it: repository@sha256:<64 hex digits>.
_IMAGE_PATTERN: Final = r"^(build|[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64})$"


def _scalar(value: Any) -> Any:
    """Refuse what a flat map of hyperparameters cannot carry."""
    if isinstance(value, (dict, list, tuple)) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a finite number, true, false, a text or null")
    return value


HyperparameterValue = Annotated[
    StrictBool | int | float | str | None,
    BeforeValidator(_scalar),
    Field(json_schema_extra={"patternErrorMessage": "a finite number, true, false, text or null"}),
]


class Data(Section):
    """Where the training data is."""

    path: Text = Field(
        description="A file, relative to the project's folder, or where the cloud allows it an object's URI."
    )
    format: Literal["csv", "parquet"] | None = Field(
        default=None, description="The file's format. Default: by the path's ending, .csv or .parquet."
    )


class JobCompute(Section):
    """Machines that the cloud provides for the run alone."""

    kind: Literal["job"] = "job"
    instance_type: Text | None = Field(
        default=None,
        description="The cloud's own name of the machine type. Default: a small one of the cloud.",
    )
    instances: Int = Field(
        default=1, ge=1, le=100, description="Machines that train together; the bundled trainer uses one."
    )
    spot: Flag = Field(default=False, description="Use spare capacity: cheaper, and it may be taken back.")


class ClusterCompute(Section):
    """Machines of the stack's own cluster, `mlcloud:cluster`; the run waits in its queue."""

    kind: Literal["cluster"]
    nodes: Int = Field(
        default=1, ge=1, le=100, description="Machines that train together; the bundled trainer uses one."
    )


TrainingCompute = Annotated[
    Annotated[JobCompute, Tag("job")] | Annotated[ClusterCompute, Tag("cluster")],
    Discriminator(kind_or("job")),
]


class Training(Section):
    """What is trained, on which column, and how good it must be."""

    estimator: Estimator = Field(description="The kind of model.")
    target: Text = Field(description="The column to predict.")
    task: Task | None = Field(
        default=None, description="What is learned. Default: what the estimator and the target column imply."
    )
    test_size: Number = Field(
        default=0.2, gt=0, lt=1, description="Share of the rows that is held out to evaluate the model."
    )
    seed: Int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        description="Seed of the split and of the estimator: same seed, same model.",
    )
    # SageMaker's CreateTrainingJob takes at most 100 hyperparameters; ten stay free for the trainer's own.
    hyperparameters: dict[
        Annotated[
            str, form(r"^[A-Za-z_][A-Za-z0-9_]{0,199}$", "letters, digits and _, not beginning with a digit")
        ],
        HyperparameterValue,
    ] = Field(
        default_factory=dict,
        max_length=90,
        description="Parameters of the estimator by scikit-learn's names; each has the trainer's default.",
    )
    gate: dict[MetricName, Number] = Field(
        default_factory=dict[MetricName, float],
        description="What a model must reach on the held-out rows before it is served, by metric: a minimum,"
        " or a maximum for log_loss, mae and rmse.",
    )
    # SageMaker's StoppingCondition allows 28 days at most.
    timeout_minutes: Number = Field(
        default=60, gt=0, le=28 * 24 * 60, description="A run that takes longer is stopped, in minutes."
    )
    wait: Flag = Field(
        default=True,
        description="Wait for the run inside the update; false: submit it, and the next update picks it up.",
    )
    compute: TrainingCompute = Field(
        default_factory=JobCompute, description="The machines of a run in a cloud."
    )

    @property
    def implied_task(self) -> Task | None:
        """What is learned, as `task` or an estimator of one task says; None where the data will tell."""
        can = TASKS_OF[self.estimator]
        return self.task if self.task is not None else can[0] if len(can) == 1 else None


class ModelPin(Section):
    """One version of a model, pinned: exactly these bytes are served."""

    name: Annotated[
        StrictStr,
        form(r"^[a-z][a-z0-9-]{0,62}$", "lower-case letters, digits and -, a letter first, at most 63"),
    ] = Field(description="The model's name.")
    uri: Text = Field(description="Where the model's folder or archive is.")
    sha256: Annotated[StrictStr, form(r"^[0-9a-f]{64}$", "64 lower-case hexadecimal digits")] = Field(
        description="SHA-256 of the folder's manifest.json, or of the archive: 64 lower-case hex digits."
    )
    version: Annotated[
        str,
        Field(coerce_numbers_to_str=True),
        form(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
            "letters, digits, `.`, `_` and `-`, a letter or digit first, at most 63",
        ),
    ] = Field(description="The version's label, as predictions answer it.")


def _model_kind(value: Any) -> str:
    return "pin" if isinstance(value, (dict, ModelPin)) else "training"


Model = Annotated[
    Annotated[Literal["training"], Tag("training")] | Annotated[ModelPin, Tag("pin")],
    Discriminator(_model_kind),
]


class InstanceCapacity(Section):
    """Servers that run all the time: on machines of the cloud, or as processes on this machine (local)."""

    kind: Literal["instance"] = "instance"
    min: Int = Field(default=1, ge=0, le=1000, description="Fewest servers.")
    max: Servers | None = Field(
        default=None, description="Most servers. Default: as many as `min`, no scaling."
    )
    instance_type: Text | None = Field(
        default=None,
        description="The cloud's own name of the machine type. Default: a small one of the cloud.",
    )


class ServerlessCapacity(Section):
    """Capacity that the cloud provides while requests arrive; nothing runs or costs between them."""

    kind: Literal["serverless"]
    # SageMaker's ProductionVariantServerlessConfig: 1 to 6 GB, 1 to 200 concurrent requests.
    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        default=2048, description="Memory of a server, in MB."
    )
    max_concurrency: Int = Field(
        default=5, ge=1, le=200, description="Most requests that are answered at once."
    )


class AsynchronousCapacity(Section):
    """Servers that work off a queue of requests; the answers are written to storage."""

    kind: Literal["asynchronous"]
    min: Int = Field(
        default=0, ge=0, le=1000, description="Fewest servers; 0 lets an idle queue cost nothing."
    )
    max: Int = Field(default=1, ge=1, le=1000, description="Most servers.")
    instance_type: Text | None = Field(
        default=None,
        description="The cloud's own name of the machine type. Default: a small one of the cloud.",
    )


Capacity = Annotated[
    Annotated[InstanceCapacity, Tag("instance")]
    | Annotated[ServerlessCapacity, Tag("serverless")]
    | Annotated[AsynchronousCapacity, Tag("asynchronous")],
    Discriminator(kind_or("instance")),
]


class AllAtOnce(Section):
    """All traffic moves to the new version as soon as it is healthy."""

    kind: Literal["all-at-once"] = "all-at-once"


# Limits of SageMaker's TrafficRoutingConfig: canary up to 50 %, steps of 10 to 50 %, up to an hour between.
class Canary(Section):
    """A part of the traffic moves first; the rest follows after a quiet time."""

    kind: Literal["canary"]
    percent: Number = Field(
        default=10, gt=0, le=50, description="Share of the traffic that moves first, in percent."
    )
    wait_minutes: Number = Field(
        default=10, ge=0, le=60, description="Quiet time before the rest follows, in minutes."
    )


class Linear(Section):
    """The traffic moves in equal steps with a quiet time between them."""

    kind: Literal["linear"]
    step_percent: Number = Field(
        default=25, ge=10, le=50, description="Share of the traffic in each step, in percent."
    )
    wait_minutes: Number = Field(
        default=5, ge=0, le=60, description="Quiet time between two steps, in minutes."
    )


Rollout = Annotated[
    Annotated[AllAtOnce, Tag("all-at-once")]
    | Annotated[Canary, Tag("canary")]
    | Annotated[Linear, Tag("linear")],
    Discriminator(kind_or("all-at-once")),
]


class Endpoint(Section):
    """How the model is served."""

    port: Port | None = Field(
        default=None,
        description="TCP port on this machine (local). Default: a free one, chosen once and kept.",
    )
    capacity: Capacity = Field(default_factory=InstanceCapacity, description="What answers the requests.")
    rollout: Rollout = Field(default_factory=AllAtOnce, description="How traffic moves to a new version.")


class Monitoring(Section):
    """What raises an alarm, who hears of it, and how long logs are kept."""

    notify: tuple[Annotated[StrictStr, form(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "an e-mail address")], ...] = (
        Field(default=(), description="E-mail addresses that alarms and budget alerts go to.")
    )
    latency_p99_ms: Number = Field(
        default=1000, gt=0, description="Alarm when 1 % of the requests take longer, in milliseconds."
    )
    error_percent: Number = Field(
        default=1,
        ge=0,
        le=100,
        description="Alarm when more requests fail by the server's fault, in percent.",
    )
    log_retention_days: Int = Field(
        default=365, ge=1, le=3653, description="How long logs are kept, in days."
    )
    # It may hold a token: no error and no `repr` shows it.
    webhook: (
        Annotated[
            StrictStr, form(r"^https?://[^\s@/]+(/[^\s@]*)?$", "a URL: https://host/path, no user in it")
        ]
        | None
    ) = Field(
        default=None,
        repr=False,
        description="URL that is told of alarms, by POST of JSON (local). Keep it encrypted:"
        " `pulumi config set --secret --path mlcloud:monitoring.webhook URL`.",
    )
    command: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Program and arguments that are told of alarms, by JSON on stdin (local). It runs in the"
        " project's folder.",
    )
    port: Port | None = Field(
        default=None,
        description="TCP port of the status page on this machine (local). Default: a free one, chosen once"
        " and kept.",
    )


class Budget(Section):
    """What the stack may cost. It warns; it stops nothing."""

    monthly: Number = Field(gt=0, description="Expected cost of a month, in `currency`.")
    currency: Annotated[StrictStr, form(r"^[A-Z]{3}$", "three capital letters, such as USD")] = Field(
        default="USD", description="ISO 4217 code of the currency: three capital letters."
    )
    alert_percents: tuple[Percent, ...] = Field(
        default=(80, 100),
        min_length=1,
        max_length=5,
        description="Shares of `monthly` that raise an alert, in percent.",
    )
    billing_account: (
        Annotated[
            StrictStr, form(r"^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", "a billing account: 012345-6789AB-CDEF01")
        ]
        | None
    ) = Field(default=None, description="The account that pays; gcp needs it, other clouds know it.")


class Settings(Section):
    """All config of a stack: the keys of the namespace `mlcloud:` in its stack file."""

    cloud: Cloud = Field(default="local", description="Where the stack lives.")
    environment: Environment = Field(
        default="dev",
        description="What the stack is for; prod is protected from deletion and pins its model.",
    )
    region: (
        Annotated[StrictStr, form(r"^[a-z][a-z0-9-]*$", "a region's name, such as eu-central-1")] | None
    ) = Field(
        default=None, description="The cloud's own name of the region. A cloud needs it; local has none."
    )
    # The strictest of the three clouds is GCP: lower case, digits, _ and -, at most 63 characters.
    tags: dict[
        Annotated[
            str,
            form(
                r"^[a-z][a-z0-9_-]{0,62}$", "lower-case letters, digits, _ and -, a letter first, at most 63"
            ),
        ],
        Annotated[StrictStr, form(r"^[a-z0-9_-]{0,63}$", "lower-case letters, digits, _ and -, at most 63")],
    ] = Field(
        default_factory=dict, max_length=40, description="Labels that every resource of the stack carries."
    )
    data: Data | None = Field(
        default=None, description="The training data. Needed unless the model is pinned."
    )
    training: Training | None = Field(
        default=None, description="The training run. Needed unless the model is pinned."
    )
    model: Model = Field(
        default="training",
        description="The live model: `training`, what this stack's own run produced, or a pinned version.",
    )
    image: Annotated[
        StrictStr, form(_IMAGE_PATTERN, "`build`, or repository@sha256:<64 hexadecimal digits>")
    ] = Field(
        default="build",
        description="The trainer's image in a cloud: `build`, or an image by digest: repository@sha256:...",
    )
    network: Network | None = Field(
        default=None, description="Where it runs. Default: `managed` in prod, else `none`."
    )
    cluster: Cluster | None = Field(
        default=None,
        description="GPU machines for jobs of one's own; they need a network. Default: no cluster.",
    )
    endpoint: Endpoint = Field(default_factory=Endpoint, description="How the model is served.")
    monitoring: Monitoring = Field(
        default_factory=Monitoring, description="Alarms, their receivers, and logs."
    )
    budget: Budget | None = Field(default=None, description="What the stack may cost. Default: no budget.")
