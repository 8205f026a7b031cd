"""What somebody needs who brings new data, images and models into a stack that is up, and nothing else.

APIs, buckets, keys, networks and accounts are made by an administrator's first update; this is for all later
ones that change what is trained and served. Rights on buckets and service accounts are given on these; a
custom role cannot name them (https://cloud.google.com/iam/docs/permissions-reference lists each permission).
"""

from typing import Final

from mlcloud.core.names import name_for
from mlcloud.core.scope import Scope

DEPLOYER_PERMISSIONS: Final = (
    # Train.
    "aiplatform.customJobs.cancel",
    "aiplatform.customJobs.create",
    "aiplatform.customJobs.delete",
    "aiplatform.customJobs.get",
    "aiplatform.customJobs.list",
    # Serve.
    "aiplatform.endpoints.deploy",
    "aiplatform.endpoints.get",
    "aiplatform.endpoints.predict",
    "aiplatform.endpoints.undeploy",
    "aiplatform.endpoints.update",
    "aiplatform.models.delete",
    "aiplatform.models.get",
    "aiplatform.models.list",
    "aiplatform.models.update",
    "aiplatform.models.upload",
    "aiplatform.operations.list",
    # Push the trainer's image.
    "artifactregistry.dockerimages.get",
    "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.uploadArtifacts",
    # Look.
    "logging.logEntries.list",
    "monitoring.alerts.get",
    "monitoring.alerts.list",
    "monitoring.alertPolicies.get",
    "monitoring.alertPolicies.update",
    "monitoring.timeSeries.list",
    "resourcemanager.projects.get",
    "serviceusage.services.use",
)


def role_id(scope: Scope) -> str:
    """Return the identifier of the deployer's role: letters, digits, `_` and `.`, at most 64.

    Source: https://cloud.google.com/iam/docs/creating-custom-roles
    """
    return name_for("gcp-service-account", scope.project, scope.stack, "deployer").replace("-", "_")
