"""The resources of AWS that its own provider lacks: training runs, and endpoints that change safely."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcloud.provider.resource import Resource


def resources() -> "list[Resource[Any, Any]]":
    """One of each kind. None of them imports boto3 before an operation needs it."""
    from mlcloud.provider.aws.batch_training_run import BatchTrainingRun
    from mlcloud.provider.aws.endpoint import Endpoint
    from mlcloud.provider.aws.endpoint_revision import EndpointRevision
    from mlcloud.provider.aws.training_run import TrainingRun

    return [TrainingRun(), BatchTrainingRun(), EndpointRevision(), Endpoint()]
