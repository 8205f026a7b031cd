"""Fired alerts of Azure Monitor: what stops and rolls back a move of traffic.

`alerts` of Azure Alerts Management, which says `Fired` or `Resolved` of each alert that a rule has raised
(https://learn.microsoft.com/rest/api/monitor/alertsmanagement/alerts/get-all). A metric alert's own `status`
is no help: its words are not documented but for `Healthy`, and it has no name for one alert among several
(https://learn.microsoft.com/rest/api/monitor/metric-alerts-status/list).
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from mlcloud.provider.azure.clients import Clients, short_name

_VERSION: Final = "2019-03-01"
_FIRED: Final = "Fired"
# The longest that it looks back; by default it tells of one day.
_SINCE: Final = "30d"


def open_alerts(clients: Clients, rules: Sequence[str]) -> dict[str, str]:
    """The rules' alerts that have fired and are not resolved: name of the rule by id of the alert.

    Args:
        clients: Azure's APIs.
        rules: ids of metric alerts and log alerts.
    """
    found: dict[str, str] = {}
    path = f"/subscriptions/{clients.subscription}/providers/Microsoft.AlertsManagement/alerts"
    for rule in rules:
        asked = {"alertRule": rule, "monitorCondition": _FIRED, "timeRange": _SINCE}
        for alert in clients.pages(path, version=_VERSION, parameters=asked):
            told = cast("dict[str, Any]", alert.get("properties", {}).get("essentials", {}))
            # "ARM id or name of the rule", and Azure compares ids without regard to case.
            is_its = short_name(str(told.get("alertRule", ""))).lower() == short_name(rule).lower()
            if is_its and told.get("monitorCondition") == _FIRED:
                found[str(alert["id"])] = short_name(rule)
    return found
