"""The resources of the local cloud: buckets, their objects, training runs, models, endpoints, monitors."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcloud.provider.resource import Resource


def resources() -> "list[Resource[Any, Any]]":
    """One of each kind. Imported here, so that supervisor and monitor use this package without gRPC."""
    from mlcloud.provider.local.bucket import Bucket
    from mlcloud.provider.local.bucket_object import BucketObject
    from mlcloud.provider.local.endpoint import Endpoint
    from mlcloud.provider.local.model_version import ModelVersion
    from mlcloud.provider.local.monitor_resource import Monitor
    from mlcloud.provider.local.training_run import TrainingRun

    return [Bucket(), BucketObject(), TrainingRun(), ModelVersion(), Endpoint(), Monitor()]
