"""Controls of logs, alerts and who hears of them."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.policy.azure.endpoint import ENDPOINT
from mlcloud.policy.azure.logs import logged
from mlcloud.policy.control import Control
from mlcloud.policy.judging import at_least, each, expect, is_given, is_true
from mlcloud.policy.resource import Declared, Resource

LOGS: Final = "azure-native:operationalinsights:Workspace"
_INSIGHTS: Final = "azure-native:applicationinsights:Component"
_ALERT: Final = "azure-native:monitor:MetricAlert"
_QUERY: Final = "azure-native:monitor:ScheduledQueryRule"
_GROUP: Final = "azure-native:monitor:ActionGroup"
_RETENTION_DAYS: Final = 365
# https://learn.microsoft.com/azure/machine-learning/monitor-azure-machine-learning-reference
_CATEGORIES: Final = (
    "AmlOnlineEndpointTrafficLog",
    "AmlOnlineEndpointConsoleLog",
    "AmlOnlineEndpointEventLog",
)


def _tells(alert: Resource, declared: Declared) -> Iterator[Problem]:
    path = "actions.actionGroups[*]" if alert.type == _QUERY else "actions[*].actionGroupId"
    yield from expect(path, is_given, "the id of an action group")(alert, declared)


CONTROLS: Final = (
    Control(
        id="monitoring-log-retention",
        sources=["LT-4"],
        title="Logs are kept for a year",
        severity="medium",
        why="A break-in is often noticed after months.",
        types=[LOGS],
        judge=expect("retentionInDays", at_least(_RETENTION_DAYS), f"{_RETENTION_DAYS} or more"),
    ),
    Control(
        id="monitoring-insights",
        sources=["LT-4", "IM-1"],
        title="Application Insights takes what Microsoft Entra knows, and keeps it with the other logs",
        severity="medium",
        why="Whoever reads the instrumentation key out of a program writes what they like.",
        types=[_INSIGHTS],
        judge=each(
            expect("disableLocalAuth", is_true, "true"),
            expect("workspaceResourceId", is_given, "the id of a Log Analytics workspace"),
        ),
    ),
    Control(
        id="monitoring-diagnostics",
        sources=["LT-3"],
        title="Who asked an endpoint, what it printed and what happened to it is logged",
        severity="medium",
        why="Nobody can say what the model was asked when it went wrong.",
        types=[ENDPOINT],
        judge=logged(*_CATEGORIES),
    ),
    Control(
        id="monitoring-alerts",
        sources=["own"],
        title="An alert tells somebody, and is on",
        severity="high",
        why="An alert that nobody hears is none.",
        types=[_ALERT, _QUERY],
        judge=each(_tells, expect("enabled", is_true, "true")),
    ),
    Control(
        id="monitoring-channels",
        sources=["own"],
        title="Who is told can be told",
        severity="high",
        why="Alerts go to a group that is off, and nothing says so.",
        types=[_GROUP],
        judge=expect("enabled", is_true, "true"),
    ),
)
