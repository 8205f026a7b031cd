"""What the components of every cloud tell alike: outputs that a stack or another component may rely on."""

from collections.abc import Mapping
from typing import Protocol

import pulumi


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
