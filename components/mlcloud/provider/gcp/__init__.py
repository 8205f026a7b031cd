"""The resources of GCP that its own provider lacks: models, deployments, training, waits for grants."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcloud.provider.resource import Resource


def resources() -> "list[Resource[Any, Any]]":
    """One of each kind. None of them imports google-auth before an operation needs it."""
    from mlcloud.provider.gcp.iam_propagation import IamPropagation
    from mlcloud.provider.gcp.model import VertexModel
    from mlcloud.provider.gcp.model_deployment import VertexModelDeployment
    from mlcloud.provider.gcp.training_run import VertexTrainingRun

    return [VertexTrainingRun(), VertexModel(), VertexModelDeployment(), IamPropagation()]
