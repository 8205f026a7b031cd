"""How our own resources of GCP look in a simulated apply: templates by Python name, as `Looks` has them.

Only what neither the inputs nor the resource's own preview tells.
"""

from collections.abc import Mapping

_PLACE = "projects/{project}/locations/{region}"

OWN: Mapping[str, Mapping[str, str]] = {
    "mlcloud:gcp:TrainingRun": {
        "job": _PLACE + "/customJobs/{seventeen}",
        "logs": 'resource.type="ml_job" AND resource.labels.job_id="{seventeen}"',
        "model_sha256": "{long}",
        "model_uri": "gs://{models_bucket}/models/{long}",
        "report": "gs://{models_bucket}/models/{long}/report.html",
    },
    "mlcloud:gcp:Model": {
        # Vertex AI counts; here a version's number follows from its content, so that no two have the same.
        "version_id": "{number}",
        "version_name": "{name}@{version_id}",
    },
    "mlcloud:gcp:ModelDeployment": {
        "url": "https://{region}-aiplatform.googleapis.com/v1/{endpoint}:predict",
    },
}
