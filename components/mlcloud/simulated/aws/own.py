"""How our own resources of AWS look in a simulated apply: templates by Python name, as `Looks` has them.

Only what neither the inputs nor the resource's own preview tells.
"""

from collections.abc import Mapping

OWN: Mapping[str, Mapping[str, str]] = {
    "mlcloud:aws:TrainingRun": {
        "run_arn": "arn:{partition}:sagemaker:{region}:{account}:training-job/{run_name}",
        "model_sha256": "{long}",
        "model_uri": "s3://{models_bucket}/models/{long}/model.tar.gz",
        "report": "s3://{models_bucket}/models/{long}/report.html",
    },
    "mlcloud:aws:BatchTrainingRun": {
        "run_arn": "arn:{partition}:batch:{region}:{account}:job/{run_name}",
        "model_sha256": "{long}",
        "model_uri": "s3://{models_bucket}/models/{long}/model.tar.gz",
        "report": "s3://{models_bucket}/models/{long}/report.html",
    },
    "mlcloud:aws:EndpointRevision": {"name": "{prefix:47}-{content_sha256:8}-{long:6}"},
    "mlcloud:aws:Endpoint": {
        "arn": "arn:{partition}:sagemaker:{region}:{account}:endpoint/{name}",
        "url": "https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{name}/invocations",
    },
}
