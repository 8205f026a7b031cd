"""Diagnostic settings as controls read them: which logs of a resource are kept."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.azure.ids import is_of
from mlcloud.policy.control import Judge
from mlcloud.policy.judging import expect, is_given, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_SETTING: Final = "azure-native:monitor:DiagnosticSetting"


def logged(*categories: str) -> Judge:
    """Return a judge that wants some logs of a resource to be sent to a Log Analytics workspace.

    Args:
        categories: Their names; the group `allLogs` has all of them.
    """

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        settings = [one for one in declared.all(_SETTING) if is_of(one.value("resourceUri"), one, resource)]
        if not settings:
            lost = any(
                one.value("resourceUri") == UNKNOWN and not one.dependencies for one in declared.all(_SETTING)
            )
            fix = f"declare a DiagnosticSetting of it with {', '.join(categories)}"
            yield problem("DiagnosticSetting", UNKNOWN if lost else ABSENT, "one of this resource", fix)
        for setting in settings:
            yield from _sends(setting, categories)
            yield from expect("workspaceId", is_given, "a Log Analytics workspace")(setting, declared)

    return judge


def _sends(setting: Resource, categories: tuple[str, ...]) -> Iterator[Problem]:
    logs: Any = setting.value("logs")
    listed = cast("list[Any]", logs) if isinstance(logs, list) else []
    known = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]
    on = [one for one in known if one.get("enabled") is True]
    if "allLogs" in [one.get("categoryGroup") for one in on]:
        return
    unknown = UNKNOWN in (logs, *listed, *(value for one in known for value in one.values()))
    for category in categories:
        if category not in [one.get("category") for one in on]:
            path = f"{setting.name}: logs"
            yield problem(path, UNKNOWN if unknown else ABSENT, category, f"send {category}, too")
