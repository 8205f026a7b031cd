"""What the Pulumi CLI tells of a run in its event log, in the words of scenarios."""

from collections.abc import Mapping
from typing import Any

from mlcloud.embedded.properties.values import shown

from support.engine import ThingProvider
from support.scenarios.words import LOOKS, STACK, asked, told_changes, urn_of


class Events:
    """One event log."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events
        self._ended = [item for item in map(_ended, events) if item is not None]

    def course(self, provider: ThingProvider) -> dict[str, Any]:
        """What was done, in order."""
        done = [item for item in self._ended if not item["planning"] and _is_of_interest(item)]
        failures = [
            event["resOpFailedEvent"]["metadata"] for event in self._events if "resOpFailedEvent" in event
        ]
        return {
            # A replacement as a whole is told beside its parts.
            "ops": [
                f"{item['op']} {urn_of(item['urn'])}"
                for item in done
                if item["op"] not in {*LOOKS, "replace"}
            ],
            "failed": sorted(f"{item['op']} {urn_of(item['urn'])}" for item in failures),
            "counts": self._counts(preview=False),
            "asked": asked(provider),
        }

    def plan(self) -> dict[str, Any]:
        """What would be done."""
        told = [item for item in self._ended if item["planning"]]
        outputs = [item["new"]["outputs"] for item in told if item["urn"] == STACK and item["new"]]
        by_urn: dict[str, list[dict[str, Any]]] = {}
        for item in filter(_is_of_interest, told):
            by_urn.setdefault(item["urn"], []).append(item)
        planned = [_planned(item) for items in by_urn.values() for item in _whole(items)]
        for event in self._events:
            if "resOutputsEvent" in event and _is_made_component(event):
                made = event["resOutputsEvent"]["metadata"]
                for item in planned:
                    if item["urn"] == urn_of(made["urn"]):
                        item["outputs"] = shown(made["new"]["outputs"])
        return {
            "counts": self._counts(preview=True),
            "outputs": shown(outputs[-1] or {}) if outputs else {},
            "resources": sorted(planned, key=lambda told: (told["urn"], told["op"])),
        }

    def _counts(self, *, preview: bool) -> dict[str, int]:
        summaries = [event["summaryEvent"] for event in self._events if "summaryEvent" in event]
        found = [item["resourceChanges"] for item in summaries if item["isPreview"] is preview]
        return dict(sorted((found[-1] or {}).items())) if found else {}


def _ended(event: Mapping[str, Any]) -> dict[str, Any] | None:
    # A component without outputs has no end: its beginning is taken for it, and its outputs are told later.
    told = event.get("resourcePreEvent" if _is_made_component(event) else "resOutputsEvent")
    return told and {**told["metadata"], "planning": told.get("planning", False)}


def _is_made_component(event: Mapping[str, Any]) -> bool:
    about = (event.get("resourcePreEvent") or event.get("resOutputsEvent") or {}).get("metadata", {})
    return about.get("op") == "create" and not about["new"].get("custom") and about["urn"] != STACK


def _is_of_interest(item: Mapping[str, Any]) -> bool:
    is_default = item["type"].startswith("pulumi:providers:") and "::default" in item["urn"]
    return item["urn"] != STACK and not is_default


def _whole(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What would become of one URN: a replacement as a whole stands for its parts."""
    ops = {item["op"]: item for item in items if item["op"] != "same"}
    parts = [item for item in items if item["op"] == "delete-replaced"]
    if "replace" in ops:
        # Only when the replacement is made is it known what comes of it.
        replacement = {**ops["replace"], "new": ops.get("create-replacement", ops["replace"])["new"]}
        return [replacement, *parts[1:]]
    if "remove-pending-replace" in ops:
        return [ops["remove-pending-replace"]]
    return [*(item for op, item in ops.items() if op != "delete-replaced"), *parts]


def _planned(item: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"op": item["op"], "urn": urn_of(item["urn"])}
    if item["op"] in ("create", "update", "replace"):
        told |= {"inputs": shown(item["new"]["inputs"]), "outputs": shown(item["new"]["outputs"])}
    if item["op"] in ("update", "replace"):
        forced = item.get("keys") or []
        told |= told_changes([*(item.get("diffs") or []), *forced], forced)
    return told
