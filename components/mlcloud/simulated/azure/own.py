"""How our own resources of Azure look in a simulated apply: templates by Python name, as `Looks` has them.

Only what neither the inputs nor the resource's own preview tells.
"""

from collections.abc import Mapping

_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{resource_group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)

OWN: Mapping[str, Mapping[str, str]] = {
    "mlcloud:azure:TrainingRun": {
        "job": _WORKSPACE + "/jobs/{run_name}",
        "logs": "https://ml.azure.com/runs/{run_name}?wsid=" + _WORKSPACE,
        "model_sha256": "{long}",
        "model_uri": "{models_uri}/models/{long}",
        "report": "{models_uri}/models/{long}/report.html",
    },
    "mlcloud:azure:Traffic": {
        "url": "https://{endpoint}.{region}.inference.ml.azure.com/score",
    },
    # The real name ends with digits that no other has; here the same content has the same name.
    "mlcloud:azure:UniqueName": {"name": "{prefix}{long:8}-0000"},
}
