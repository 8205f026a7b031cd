"""Azure Alerts Management of the fake Azure: alerts that rules of Azure Monitor have raised."""

import itertools
from collections.abc import Callable
from typing import Any

from support.provider_azure_answers import user_error

_VERSION = "2023-07-12-preview"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_PATH = f"{_GROUP}/providers/Microsoft.AlertsManagement/alerts"
# https://learn.microsoft.com/rest/api/monitor/alertsmanagement/alerts/get-all
_FILTERS = {
    "alertRule",
    "alertState",
    "customTimeRange",
    "includeContext",
    "includeEgressConfig",
    "monitorCondition",
    "monitorService",
    "pageCount",
    "select",
    "severity",
    "smartGroupId",
    "sortBy",
    "sortOrder",
    "targetResource",
    "targetResourceGroup",
    "targetResourceType",
    "timeRange",
}


class Watching:
    """Alerts as Azure has them."""

    def __init__(self, url: Callable[[], str]) -> None:
        self.alerts: list[dict[str, Any]] = []
        # Whether it tells of every alert, whatever was asked for.
        self.is_loose = False
        self._later: list[tuple[int, str]] = []
        self._numbers = itertools.count()
        self._url = url

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {f"alerts_list GET {_PATH}": self._list}

    def fire(self, rule: str, condition: str = "Fired") -> None:
        """An alert of a rule, whose id comes back in lower case."""
        group = rule.partition("/providers/")[0]
        name = f"alert-{next(self._numbers)}"
        essentials = {"alertRule": rule.lower(), "monitorCondition": condition, "alertState": "New"}
        self.alerts.append(
            {
                "id": f"{group}/providers/Microsoft.AlertsManagement/alerts/{name}",
                "name": name,
                "type": "Microsoft.AlertsManagement/alerts",
                "properties": {"essentials": essentials},
            }
        )

    def fire_later(self, rule: str, *, calls: int) -> None:
        """An alert that fires before the so-manieth question from now; a further page is none."""
        self._later.append((calls, rule))

    def _list(self, request: Any) -> dict[str, Any]:
        query = {key: value for key, value in request.query.items() if key not in ("api-version", "skip")}
        if request.query.get("api-version") != _VERSION or not set(query) <= _FILTERS:
            raise user_error(f"{request.query} is not a question of {_VERSION}.")
        if query.get("timeRange") not in (None, "1h", "1d", "7d", "30d"):
            raise user_error(f"{query['timeRange']} is not a range of time.")
        if "skip" not in request.query:
            self._wait()
        group = f"{request.path.partition('/providers/')[0]}/".lower()
        there = [item for item in self.alerts if item["id"].lower().startswith(group)]
        found = [item for item in there if self._is_asked(item["properties"]["essentials"], query)]
        start = int(request.query.get("skip", 0))
        told: dict[str, Any] = {"value": found[start : start + 1]}
        if start + 1 < len(found):
            more = "&".join(f"{key}={value}" for key, value in query.items())
            told["nextLink"] = f"{self._url()}{request.path}?api-version={_VERSION}&skip={start + 1}&{more}"
        return told

    def _wait(self) -> None:
        for rule in [rule for calls, rule in self._later if calls <= 1]:
            self.fire(rule)
        self._later = [(calls - 1, rule) for calls, rule in self._later if calls > 1]

    def _is_asked(self, essentials: dict[str, str], query: dict[str, str]) -> bool:
        return self.is_loose or all(
            essentials[key].lower() == query[key].lower()
            for key in ("alertRule", "monitorCondition")
            if key in query
        )
