"""Types of Cloud Monitoring's metrics of Vertex AI: what the table and the command line both name.

Apart from the table, so that `mlcloud status` loads no Pulumi.
"""

from typing import Final

ENDPOINT_RESOURCE: Final = "aiplatform.googleapis.com/Endpoint"
PREFIX: Final = "aiplatform.googleapis.com/prediction/online/"
RESPONSE_TYPES: Final = (f"{PREFIX}response_count", f"{PREFIX}private/response_count")
REPLICAS_TYPE: Final = f"{PREFIX}replicas"
