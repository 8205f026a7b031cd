"""Controls of logs, alerts and who hears of them."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.azure.endpoint import ENDPOINT
from mlcloud.policy.control import Control
from mlcloud.policy.judging import at_least, each, expect, has, is_given, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

LOGS: Final = "azure-native:operationalinsights:Workspace"
_INSIGHTS: Final = "azure-native:applicationinsights:Component"
_DIAGNOSTICS: Final = "azure-native:monitor:DiagnosticSetting"
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


def _logs_all(setting: Resource, _declared: Declared) -> Iterator[Problem]:
    given = setting.value("logs")
    logs = cast("list[Any]", given) if isinstance(given, list) else []
    on = [cast("dict[str, Any]", one) for one in logs if isinstance(one, dict)]
    named = {one.get("category") for one in on if one.get("enabled") is True}
    if "allLogs" not in {one.get("categoryGroup") for one in on if one.get("enabled") is True}:
        unknown = UNKNOWN in (given, *logs, *(value for one in on for value in one.values()))
        for category in _CATEGORIES:
            if category not in named:
                yield problem("logs", UNKNOWN if unknown else ABSENT, category, f"send {category}, too")
    yield from expect("workspaceId", is_given, "a Log Analytics workspace")(setting, _declared)


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
        judge=has(_DIAGNOSTICS, "resourceUri", _logs_all),
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
