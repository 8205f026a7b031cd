"""What the components of every cloud tell alike: outputs that a stack or another component may rely on."""

from collections.abc import Mapping
from typing import Any, Protocol

import pulumi

from mlcloud.core.scope import Scope


class StorageOutputs(Protocol):
    """A place for objects: a bucket, a container, a directory."""

    @property
    def id(self) -> pulumi.Output[str]:
        """The cloud's identifier."""
        ...

    @property
    def name(self) -> pulumi.Output[str]:
        """Its name."""
        ...

    @property
    def uri(self) -> pulumi.Output[str]:
        """Its address, without a slash at the end: `file://...`, `s3://...`, `gs://...`, `https://...`."""
        ...


class TrainingRunOutputs(Protocol):
    """A finished training run whose model passed its gate."""

    @property
    def id(self) -> pulumi.Output[str]:
        """The run's identifier; the same inputs give the same run."""
        ...

    @property
    def name(self) -> pulumi.Output[str]:
        """Its name."""
        ...

    @property
    def model_uri(self) -> pulumi.Output[str]:
        """Where the model lies; the address contains its hash."""
        ...

    @property
    def model_sha256(self) -> pulumi.Output[str]:
        """SHA-256 of the model, 64 hexadecimal digits."""
        ...

    @property
    def metrics(self) -> pulumi.Output[Mapping[str, float]]:
        """Metrics on the held-out rows, by name."""
        ...

    @property
    def report(self) -> pulumi.Output[str]:
        """Where the model's HTML report lies."""
        ...

    @property
    def logs(self) -> pulumi.Output[str]:
        """Where the run's log is."""
        ...


class ModelOutputs(Protocol):
    """A version of a model that can be served."""

    @property
    def id(self) -> pulumi.Output[str]:
        """The cloud's identifier."""
        ...

    @property
    def name(self) -> pulumi.Output[str]:
        """The model's name."""
        ...

    @property
    def version(self) -> pulumi.Output[str]:
        """The version's label, as predictions answer it."""
        ...

    @property
    def uri(self) -> pulumi.Output[str]:
        """Where the model lies."""
        ...

    @property
    def sha256(self) -> pulumi.Output[str]:
        """SHA-256 of the model, 64 hexadecimal digits."""
        ...


class EndpointOutputs(Protocol):
    """A served model."""

    @property
    def id(self) -> pulumi.Output[str]:
        """The cloud's identifier."""
        ...

    @property
    def name(self) -> pulumi.Output[str]:
        """Its name."""
        ...

    @property
    def url(self) -> pulumi.Output[str]:
        """Where predictions are asked for."""
        ...

    @property
    def model_version(self) -> pulumi.Output[str]:
        """The label of the version that serves."""
        ...

    @property
    def logs(self) -> pulumi.Output[str]:
        """Where its log is."""
        ...


def stack_outputs(
    *,
    cloud: str,
    scope: Scope,
    data_bucket: pulumi.Input[str],
    models_bucket: pulumi.Input[str],
    image_uri: pulumi.Input[str],
    endpoint: EndpointOutputs,
    model: ModelOutputs,
    training: TrainingRunOutputs | None,
) -> dict[str, Any]:
    """Return what a stack tells on every cloud: what the command line needs, and what people look for.

    Args:
        cloud: The cloud's name.
        scope: The stack's place.
        data_bucket: What holds the training data.
        models_bucket: What holds the models.
        image_uri: The image that trains and serves, by digest.
        endpoint: What serves.
        model: The live version.
        training: The stack's own run; None where a model is pinned and nothing is trained.
    """
    outputs: dict[str, Any] = {
        "cloud": cloud,
        "account": scope.account,
        "data_bucket": data_bucket,
        "endpoint_logs": endpoint.logs,
        "endpoint_name": endpoint.name,
        "endpoint_url": endpoint.url,
        "image_uri": image_uri,
        "model_name": model.name,
        "model_sha256": model.sha256,
        "model_uri": model.uri,
        "model_version": endpoint.model_version,
        "models_bucket": models_bucket,
        "region": scope.region,
    }
    if training is None:
        return outputs
    return outputs | {
        "metrics": training.metrics,
        "report": training.report,
        "training_logs": training.logs,
        "training_run": training.name,
    }
