"""Judges what is declared on Azure by the models inside Azure's own clients.

azure-native's inputs are what Azure Resource Manager takes, with what is in `properties` one step higher.
They are put back there, and judged as the body of the request that makes the resource; its path is judged by
the inputs that are its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from support.judges.azure.documents import method
from support.judges.azure.models import SECRET, UNKNOWN, Values
from support.judges.azure.schemas import Field, Schema, fields_of, model
from support.judges.azure.twins import TWINS, WITHOUT, Twin
from support.judges.report import Finding, Report, leaves

# A word of a path that is a resource's whole id.
_SCOPES = ("scope", "resourceUri")
_PLACE = "properties"


def judge(resources: Iterable[Mapping[str, Any]]) -> Report:
    """Judge the resources of a plan.

    Args:
        resources: Entries of a plan's `resources`.
    """
    report = Report()
    for entry in resources:
        if not entry["custom"] or entry["type"].startswith("pulumi:"):
            continue
        name, token = entry["name"], entry["type"]
        if token in WITHOUT:
            report.unjudged |= {f"{name}: {leaf}": WITHOUT[token] for leaf in leaves(entry["inputs"])}
        elif token not in TWINS:
            report.findings.append(Finding(name, "TWINS", f"{token} is not in the table of twins"))
        else:
            _judge(entry["inputs"], TWINS[token], name, report)
    return report


def _judge(inputs: Mapping[str, Any], twin: Twin, name: str, report: Report) -> None:
    """Judge the path that inputs make, and the body that the others are."""
    found = method(twin.package, twin.operation)
    values = Values(twin.package, name, report)
    rest: dict[str, Any] = _without(inputs, twin, values, report)
    given = {key.lower(): key for key in rest}
    for word in found.words:
        key = given.get(word.lower())
        if key is not None:
            _word(word, rest.pop(key), values, key)
            values.limits(inputs[key], found.limits.get(word, {}), key)
            report.judged.append(values.path(key))
        elif word != "subscriptionId":
            values.wrong(word, "required", f"it is a part of {found.path}, and not given")
    schema = Schema(kind="object", model=found.body)
    values.value(_Shaped(twin).value(rest, schema, ""), schema, "")


def _without(node: Any, twin: Twin, values: Values, report: Report, at: str = "") -> Any:
    """Inputs without what is not judged; that is told."""
    if isinstance(node, list):
        return [_without(item, twin, values, report, f"{at}[{index}]") for index, item in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    rest = {}
    for key, item in node.items():
        here = f"{at}.{key}" if at else key
        reason = twin.without.get(re.sub(r"\[\d+\]", "", here))
        if reason is None:
            rest[key] = _without(item, twin, values, report, here)
        else:
            report.unjudged |= {values.path(leaf): reason for leaf in leaves(item, here)}
    return rest


def _word(word: str, value: Any, values: Values, key: str) -> None:
    if value in (UNKNOWN, SECRET):
        return
    if not isinstance(value, str) or not value or ("/" in value and word not in _SCOPES):
        values.wrong(key, "path", f"{value!r} cannot be a part of a path")


class _Shaped:
    """Inputs as the API has them."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def value(self, value: Any, schema: Schema, at: str) -> Any:
        if schema.kind == "object" and isinstance(value, Mapping):
            return self._object(value, schema, at)
        if schema.kind == "list" and isinstance(value, list):
            return [self.value(item, schema.items or schema, at) for item in value]
        if schema.kind == "map" and isinstance(value, Mapping):
            return {key: self.value(item, schema.items or schema, at) for key, item in value.items()}
        if schema.kind == "map" and isinstance(value, list):
            # azure-native has a list of identities, where the API has a map of nothing by their ids.
            return {str(item): {} for item in value}
        return value

    def _object(self, value: Mapping[str, Any], schema: Schema, at: str) -> dict[str, Any]:
        kinds = {self._name(key, at): item for key, item in value.items()}
        fields = fields_of(self._twin.package, schema, kinds)
        below = self._below(fields)
        # Azure's names know no case: azure-native has `keyVaultUri` where the API has `keyvaulturi`.
        cased = {name.lower(): name for name in (*below, *fields)}
        shaped: dict[str, Any] = {}
        for key, item in value.items():
            name, here = self._name(key, at), f"{at}.{key}" if at else key
            name = name if name in fields else cased.get(name.lower(), name)
            own = fields.get(name)
            if name in below and (own is None or own.read_only) and _PLACE not in value:
                inner = shaped.setdefault(_PLACE, {})
                inner[name] = self.value(item, below[name].schema, here)
            else:
                shaped[name] = self.value(item, own.schema, here) if own else item
        return shaped

    def _name(self, key: str, at: str) -> str:
        """The name that the API has; azure-native has no dots in names."""
        wire = self._twin.names.get(f"{at}.{key}" if at else key, key)
        return "odata.type" if wire == "odataType" else wire

    def _below(self, fields: Mapping[str, Field]) -> Mapping[str, Field]:
        """The fields of an object's `properties`."""
        place = fields.get(_PLACE)
        if place is None or place.schema.kind != "object":
            return {}
        if not place.schema.model:
            return place.schema.fields
        return model(self._twin.package, place.schema.model).fields
