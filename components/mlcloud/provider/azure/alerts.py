"""Fired alerts of Azure Monitor: what stops and rolls back a move of traffic.

`alerts` of Azure Alerts Management, which says `Fired` or `Resolved` of each alert that a rule has raised
(https://learn.microsoft.com/rest/api/monitor/alertsmanagement/alerts/get-all). Below a resource group the
right `Microsoft.AlertsManagement/alerts/read` on it is enough; the stable versions know alerts below a
subscription alone. A metric alert's own `status` is no help: its words are not documented but for `Healthy`,
and it has no name for one alert among several
(https://learn.microsoft.com/rest/api/monitor/metric-alerts-status/list).
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from mlcloud.provider.azure.clients import Clients, short_name

_VERSION: Final = "2023-07-12-preview"
_FIRED: Final = "Fired"
# The longest that it looks back; by default it tells of one day.
_SINCE: Final = "30d"


def open_alerts(clients: Clients, rules: Sequence[str]) -> dict[str, str]:
    """The rules' alerts that have fired and are not resolved: name of the rule by id of the alert.

    Args:
        clients: Azure's APIs.
        rules: ids of metric alerts and log alerts; what they watch is in their resource group.
    """
    found: dict[str, str] = {}
    for rule in rules:
        group = "/".join(rule.split("/")[:5])
        path = f"{group}/providers/Microsoft.AlertsManagement/alerts"
        asked = {"alertRule": rule, "monitorCondition": _FIRED, "timeRange": _SINCE}
        for alert in clients.pages(path, version=_VERSION, parameters=asked):
            told = cast("dict[str, Any]", alert.get("properties", {}).get("essentials", {}))
            if _is_of(rule, str(told.get("alertRule", ""))) and told.get("monitorCondition") == _FIRED:
                found[str(alert["id"])] = short_name(rule)
    return found


def _is_of(rule: str, told: str) -> bool:
    """Whether an alert's "ARM id or name of the rule" is a rule's; Azure compares ids without case."""
    return told.lower() == (rule if "/" in told else short_name(rule)).lower()
