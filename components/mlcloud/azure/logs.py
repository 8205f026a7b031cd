"""Logs of Azure ML: which of an endpoint's go to Log Analytics, and the queries that find them there.

How long they are kept is the workspace's own setting (foundation.py).
"""

from typing import Final

import pulumi
from pulumi_azure_native import monitor

from mlcloud.azure.metric_types import CONSOLE_LOG, EVENT_LOG, TRAFFIC_LOG
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

CATEGORIES: Final = (TRAFFIC_LOG, CONSOLE_LOG, EVENT_LOG)
# Whatever the container answers but 200 becomes 424, with the container's own status apart; 408 is a request
# that took too long, 429 one too many
# (https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes).
_REFUSED_BY_MODEL: Final = "(ResponseCode == 424 and coalesce(ModelStatusCode, 0) between (400 .. 499))"
_REFUSED: Final = (
    f"(ResponseCode between (400 .. 499) and ResponseCode !in (408, 424, 429)) or {_REFUSED_BY_MODEL}"
)
_FAILED: Final = (
    f"ResponseCode >= 500 or ResponseCode == 408 or (ResponseCode == 424 and not({_REFUSED_BY_MODEL}))"
)
PERCENT_COLUMN: Final = "percent"


def endpoint_logs(endpoint_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the query of what an endpoint's container writes."""
    return pulumi.Output.concat(CONSOLE_LOG, ' | where EndpointName == "', endpoint_name, '"')


def requests_query(endpoint_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the query of the requests to an endpoint."""
    return pulumi.Output.concat(TRAFFIC_LOG, ' | where EndpointName == "', endpoint_name, '"')


def refused_share(endpoint_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the query of the share of requests that the server refuses, in percent."""
    return _share(endpoint_name, _REFUSED)


def failed_share(endpoint_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the query of the share of requests that fail by the server's fault, in percent."""
    return _share(endpoint_name, _FAILED)


def _share(endpoint_name: pulumi.Input[str], condition: str) -> pulumi.Output[str]:
    counted = f"summarize requests=count(), counted=countif({condition})"
    percent = f"project {PERCENT_COLUMN}=100.0 * counted / requests"
    return pulumi.Output.concat(
        requests_query(endpoint_name), f" | {counted} | where requests > 0 | {percent}"
    )


def declare_endpoint_logs(
    resource_name: str,
    *,
    scope: Scope,
    endpoint_id: pulumi.Input[str],
    log_workspace_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> monitor.DiagnosticSetting:
    """Declare that an endpoint's logs go to Log Analytics, each to the table of its name."""
    return monitor.DiagnosticSetting(
        resource_name,
        name="mlcloud",
        resource_uri=endpoint_id,
        workspace_id=log_workspace_id,
        log_analytics_destination_type="Dedicated",
        logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in CATEGORIES],
        opts=child_options(parent, environment=scope.environment),
    )
