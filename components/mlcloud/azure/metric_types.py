"""Names of Azure Monitor's metrics and logs of Azure ML: what the table and the command line both name.

Apart from the table, so that `mlcloud status` loads no Pulumi.
"""

from typing import Final

WORKSPACE_NAMESPACE: Final = "Microsoft.MachineLearningServices/workspaces"
ENDPOINT_NAMESPACE: Final = f"{WORKSPACE_NAMESPACE}/onlineEndpoints"
DEPLOYMENT_NAMESPACE: Final = f"{ENDPOINT_NAMESPACE}/deployments"
REQUESTS_METRIC: Final = "RequestsPerMinute"
INSTANCES_METRIC: Final = "DeploymentCapacity"
# Categories of an endpoint's logs are tables of Log Analytics by the same names
# (https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-machinelearningservices-workspaces-onlineendpoints-logs).
TRAFFIC_LOG: Final = "AmlOnlineEndpointTrafficLog"
CONSOLE_LOG: Final = "AmlOnlineEndpointConsoleLog"
EVENT_LOG: Final = "AmlOnlineEndpointEventLog"
