"""Names and ids of the provider's resources of Azure, for tests."""

from support import provider_azure_cloud as az

RUN = "mlcloud:azure:TrainingRun"
BLOB = "mlcloud:azure:Blob"
LOGIN = "mlcloud:azure:RegistryLogin"
ENVIRONMENT = f"{az.WORKSPACE_ID}/environments/churn-dev-trainer/versions/{'0' * 64}"
CLUSTER = f"{az.WORKSPACE_ID}/computes/churn-dev-cpu"
IDENTITY = (
    f"/subscriptions/{az.SUBSCRIPTION}/resourceGroups/{az.GROUP}"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/churn-dev-training"
)
CLIENT_ID = "99999999-8888-7777-6666-555555555555"
