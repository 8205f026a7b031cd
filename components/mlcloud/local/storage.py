"""Storage on this machine: buckets for data, models and runs, as folders."""

from dataclasses import dataclass

import pulumi

from mlcloud.core.datafile import DataFile
from mlcloud.core.options import child_options
from mlcloud.local.resources import Bucket, BucketObject
from mlcloud.local.scope import LocalScope


@dataclass(frozen=True, kw_only=True)
class LocalStorageArgs:
    """What the storage of a local stack is made from.

    Attributes:
        scope: Whose it is and where; in prod, buckets that hold something are not deleted.
        data: A data file to put into the data bucket. Default: none.
    """

    scope: LocalScope
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
        scope = args.scope
        force_destroy = not scope.is_prod
        options = child_options(self, environment=scope.environment, holds_data=True)
        self.data = Bucket(
            f"{name}-data",
            directory=scope.folder("buckets", "data"),
            force_destroy=force_destroy,
            opts=options,
        )
        self.models = Bucket(
            f"{name}-models",
            directory=scope.folder("buckets", "models"),
            force_destroy=force_destroy,
            opts=options,
        )
        self.runs = Bucket(
            f"{name}-runs",
            directory=scope.folder("buckets", "runs"),
            force_destroy=True,
            opts=child_options(self, environment=scope.environment),
        )
        self.data_object = None
        if args.data is not None:
            self.data_object = BucketObject(
                f"{name}-data-file",
                bucket=self.data.directory,
                source=str(args.data.path),
                sha256=args.data.sha256,
                suffix=f".{args.data.format}",
                opts=child_options(self, environment=scope.environment),
            )
        self.register_outputs({"data_uri": self.data.uri, "models_uri": self.models.uri})
