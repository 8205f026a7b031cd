"""Names and ids of the provider's resources of Azure, for tests."""

import threading
from collections.abc import Callable
from typing import Any

from support import provider_azure_cloud as az
from support.provider_plugin import RefusedError

RUN = "mlcloud:azure:TrainingRun"
BLOB = "mlcloud:azure:Blob"
LOGIN = "mlcloud:azure:RegistryLogin"
TRAFFIC = "mlcloud:azure:Traffic"
FRESH_NAMES = "mlcloud:azure:FreshNames"
REGISTRATION = "mlcloud:azure:ProviderRegistration"
PROPAGATION = "mlcloud:azure:RolePropagation"
ENVIRONMENT = f"{az.WORKSPACE_ID}/environments/churn-dev-trainer/versions/{'0' * 64}"
CLUSTER = f"{az.WORKSPACE_ID}/computes/churn-dev-cpu"
IDENTITY = (
    f"/subscriptions/{az.SUBSCRIPTION}/resourceGroups/{az.GROUP}"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/churn-dev-training"
)
CLIENT_ID = "99999999-8888-7777-6666-555555555555"


def in_background(operation: Callable[[], Any]) -> tuple[threading.Thread, list[RefusedError]]:
    """Start an operation that will be refused."""
    errors: list[RefusedError] = []

    def run() -> None:
        try:
            operation()
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors
