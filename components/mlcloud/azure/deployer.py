"""What somebody needs who brings new data, images and models into a stack that is up, and nothing else.

Groups, vaults, networks and identities are made by an administrator's first update; this is for all later
ones that change what is trained and served. Rights on containers and identities are given on these
(https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations lists each action).
"""

from dataclasses import dataclass
from typing import Final

import pulumi

from mlcloud.azure.roles import PrincipalType

_ML: Final = "Microsoft.MachineLearningServices"
DEPLOYER_ACTIONS: Final = (
    # Train.
    f"{_ML}/workspaces/jobs/cancel/action",
    f"{_ML}/workspaces/jobs/delete",
    f"{_ML}/workspaces/jobs/operationresults/read",
    f"{_ML}/workspaces/jobs/read",
    f"{_ML}/workspaces/jobs/write",
    f"{_ML}/workspaces/computes/read",
    f"{_ML}/workspaces/datastores/read",
    f"{_ML}/workspaces/metadata/artifacts/read",
    # Serve.
    f"{_ML}/workspaces/environments/read",
    f"{_ML}/workspaces/environments/versions/delete",
    f"{_ML}/workspaces/environments/versions/read",
    f"{_ML}/workspaces/environments/versions/write",
    f"{_ML}/workspaces/models/read",
    f"{_ML}/workspaces/models/versions/delete",
    f"{_ML}/workspaces/models/versions/read",
    f"{_ML}/workspaces/models/versions/write",
    f"{_ML}/workspaces/onlineEndpoints/deployments/delete",
    f"{_ML}/workspaces/onlineEndpoints/deployments/getlogs/action",
    f"{_ML}/workspaces/onlineEndpoints/deployments/operationresults/read",
    f"{_ML}/workspaces/onlineEndpoints/deployments/operationsstatus/read",
    f"{_ML}/workspaces/onlineEndpoints/deployments/read",
    f"{_ML}/workspaces/onlineEndpoints/deployments/skus/read",
    f"{_ML}/workspaces/onlineEndpoints/deployments/write",
    f"{_ML}/workspaces/onlineEndpoints/operationresults/read",
    f"{_ML}/workspaces/onlineEndpoints/operationsstatus/read",
    f"{_ML}/workspaces/onlineEndpoints/read",
    f"{_ML}/workspaces/onlineEndpoints/score/action",
    f"{_ML}/workspaces/onlineEndpoints/write",
    f"{_ML}/workspaces/read",
    f"{_ML}/locations/mfeOperationResults/read",
    f"{_ML}/locations/mfeOperationsStatus/read",
    # A new deployment scales by rules of its own.
    "Microsoft.Insights/autoscalesettings/delete",
    "Microsoft.Insights/autoscalesettings/read",
    "Microsoft.Insights/autoscalesettings/write",
    # Push the trainer's image.
    "Microsoft.ContainerRegistry/registries/pull/read",
    "Microsoft.ContainerRegistry/registries/push/write",
    "Microsoft.ContainerRegistry/registries/read",
    # Look.
    "Microsoft.AlertsManagement/alerts/read",
    "Microsoft.Insights/metricAlerts/read",
    "Microsoft.Insights/metrics/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
)


@dataclass(frozen=True, kw_only=True)
class Deployer:
    """A person, a group or a service of Microsoft Entra ID that deploys.

    Attributes:
        principal_id: Its object id.
        principal_type: What it is.
    """

    principal_id: pulumi.Input[str]
    principal_type: PrincipalType
