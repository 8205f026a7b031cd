"""Storage on this machine: buckets for data, models and runs, as folders."""

from dataclasses import dataclass
from pathlib import Path

import pulumi

from mlcloud.core.datafile import DataFile
from mlcloud.core.options import child_options
from mlcloud.core.settings import Environment
from mlcloud.local.resources import Bucket, BucketObject


@dataclass(frozen=True, kw_only=True)
class LocalStorageArgs:
    """What the storage of a local stack is made from.

    Attributes:
        directory: Absolute path of the folder that holds the buckets.
        environment: What the stack is for; in prod, buckets that hold something are not deleted.
        data: A data file to put into the data bucket. Default: none.
    """

    directory: Path
    environment: Environment
    data: DataFile | None = None


class LocalStorage(pulumi.ComponentResource):
    """The data bucket with its content-addressed data file, the models bucket, and one for runs."""

    data: Bucket
    models: Bucket
    runs: Bucket
    """Folders of training runs, with logs. Never kept: what counts is in the models bucket."""
    data_object: BucketObject | None
    """The data file in the data bucket; None where no file was given."""

    def __init__(self, name: str, args: LocalStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:LocalStorage", name, {}, opts)
        force_destroy = args.environment != "prod"
        options = child_options(self, environment=args.environment, holds_data=True)
        self.data = Bucket(
            f"{name}-data", directory=str(args.directory / "data"), force_destroy=force_destroy, opts=options
        )
        self.models = Bucket(
            f"{name}-models",
            directory=str(args.directory / "models"),
            force_destroy=force_destroy,
            opts=options,
        )
        self.runs = Bucket(
            f"{name}-runs",
            directory=str(args.directory / "runs"),
            force_destroy=True,
            opts=child_options(self, environment=args.environment),
        )
        self.data_object = None
        if args.data is not None:
            self.data_object = BucketObject(
                f"{name}-data-file",
                bucket=self.data.directory,
                source=str(args.data.path),
                sha256=args.data.sha256,
                suffix=f".{args.data.format}",
                opts=child_options(self, environment=args.environment),
            )
        self.register_outputs({"data_uri": self.data.uri, "models_uri": self.models.uri})
