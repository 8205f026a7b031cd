"""Judges a value by a model of Azure's: unknown, missing, mistyped, not among its values, not to be set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from support.judges.azure.documents import is_a_path
from support.judges.azure.schemas import ANYTHING, Schema, fields_of, kind_of, model
from support.judges.report import Finding, Report, leaves

UNKNOWN = "[unknown]"
SECRET = "[secret]"
UNSAID = "its model says nothing of what is below"

_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_FORMS = {
    # ISO 8601, as Azure Resource Manager takes it.
    "duration": r"-?P(?=\d|T\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?",
    "date": r"\d{4}-\d\d-\d\d",
}
# What the service says of every resource.
_ENVELOPE = frozenset({"id", "name", "type", "systemData"})
_ID = re.compile(r"/subscriptions/[^/]+/(resourceGroups|providers)/.+", re.IGNORECASE)


def judge_body(name: str, value: Any, path: str, *, package: str = "machinelearning") -> list[Finding]:
    """What is wrong with a body of a model.

    Args:
        name: The model, such as `JobBase`.
        value: The body.
        path: What the body is, for the findings.
        package: The client.
    """
    report = Report()
    Values(package, path, report, sent=True).value(value, Schema(kind="object", model=name), "")
    return report.findings


def judge_answer(name: str, value: Any, path: str, *, package: str = "machinelearning") -> list[Finding]:
    """What is wrong with an answer of a model, in which the service has set what it alone sets.

    Args:
        name: The model, such as `Usage`.
        value: The answer.
        path: What the answer is, for the findings.
        package: The client.
    """
    report = Report()
    Values(package, path, report, told=True).value(value, Schema(kind="object", model=name), "")
    return report.findings


def settable(name: str, package: str = "machinelearning") -> set[str]:
    """The fields of a model that a caller may set, by their name on the wire."""
    return {key for key, found in model(package, name).fields.items() if not found.read_only}


class Values:
    """What is said of the values of one body."""

    def __init__(
        self,
        package: str,
        name: str,
        report: Report,
        *,
        whole: bool = True,
        sent: bool = False,
        told: bool = False,
    ) -> None:
        """Judge by the models of a client.

        Args:
            package: The client.
            name: What stands before each path.
            report: Where it is said.
            whole: Whether all that is required must be there; a patch has what it changes.
            sent: Whether it is a request: who changes a resource sends back what names it.
            told: Whether it is an answer: the service sets what it alone sets.
        """
        self._package = package
        self._name = name
        self._report = report
        self._whole = whole
        self._sent = sent
        self._told = told

    def value(self, value: Any, schema: Schema, at: str) -> None:
        """Judge a value."""
        if value in (UNKNOWN, SECRET) or value is None:
            self._judged(at)
            self._report.unknown.append(self.path(at))
        elif schema.kind == ANYTHING:
            self._report.unjudged |= {self.path(leaf): UNSAID for leaf in leaves(value, at)}
        elif schema.kind == "object":
            self._object(value, schema, at)
        elif schema.kind == "list" and isinstance(value, list):
            for index, item in enumerate(value):
                self.value(item, schema.items or schema, f"{at}[{index}]")
            if not value:
                self._judged(at)
        elif schema.kind == "map" and isinstance(value, Mapping):
            for key, item in value.items():
                self.value(item, schema.items or schema, f"{at}.{key}" if at else str(key))
            if not value:
                self._judged(at)
        else:
            self._judged(at, value)
            self._plain(value, schema, at)

    def path(self, at: str) -> str:
        """A path with what stands before it."""
        return f"{self._name}: {at}" if at else self._name

    def wrong(self, at: str, rule: str, message: str) -> None:
        """Say that something is wrong."""
        self._report.findings.append(Finding(self.path(at), rule, message))

    def limits(self, value: Any, limits: Mapping[str, Any], at: str) -> None:
        """Hold a value to the limits of its field."""
        if value in (UNKNOWN, SECRET) or value is None:
            return
        size = len(value) if isinstance(value, (str, list)) else 0
        number = value if isinstance(value, (int, float)) else None
        wrong = {
            "pattern": lambda limit: not re.search(limit, str(value)),
            "max_length": lambda limit: size > limit,
            "min_length": lambda limit: size < limit,
            "max_items": lambda limit: size > limit,
            "min_items": lambda limit: size < limit,
            "maximum": lambda limit: number is not None and number > limit,
            "minimum": lambda limit: number is not None and number < limit,
            "maximum_ex": lambda limit: number is not None and number >= limit,
            "minimum_ex": lambda limit: number is not None and number <= limit,
        }
        for rule, limit in limits.items():
            if rule in wrong and wrong[rule](limit):
                self.wrong(at, rule, f"{value!r} breaks {rule} {limit}")

    def _object(self, value: Any, schema: Schema, at: str) -> None:
        if not isinstance(value, Mapping):
            self._judged(at, value)
            self.wrong(at, "type", f"{value!r} is not an object")
            return
        kind = kind_of(self._package, schema, value)
        fields = fields_of(self._package, schema, value)
        self._kind(value, schema, at)
        for key, item in value.items():
            here = f"{at}.{key}" if at else str(key)
            if key not in fields:
                self._judged(here, item)
                self.wrong(here, "unknown", f"{kind or 'the API'} has no {key}")
            elif fields[key].read_only and not self._may_hold(key, item):
                self._judged(here, item)
                self.wrong(here, "read-only", "only the service sets it")
            else:
                self.value(item, fields[key].schema, here)
                self.limits(item, fields[key].limits, here)
        for key, field in fields.items() if self._whole else ():
            if field.required and key not in value:
                self.wrong(f"{at}.{key}" if at else key, "required", "it is required, and not given")
        if not value:
            self._judged(at)

    def _may_hold(self, key: str, item: Any) -> bool:
        """Whether a field that the service sets may be there."""
        return self._told or (self._sent and (key in _ENVELOPE or item is None))

    def _kind(self, value: Mapping[str, Any], schema: Schema, at: str) -> None:
        """Hold an object that can be several things to one of them."""
        found = model(self._package, schema.model) if schema.model else None
        kind = value.get(found.discriminator) if found and found.discriminator else None
        if found and kind not in (None, UNKNOWN, *found.kinds):
            known = ", ".join(found.kinds)
            self.wrong(f"{at}.{found.discriminator}", "enum", f"{kind!r} is not one of {known}")

    def _plain(self, value: Any, schema: Schema, at: str) -> None:
        wanted = schema.kind
        types = _TYPES.get(wanted, (str,) if wanted not in ("list", "map") else ())
        typed = isinstance(value, types) and (wanted == "boolean" or not isinstance(value, bool))
        if not typed or (wanted in _FORMS and not re.fullmatch(_FORMS[wanted], value)):
            self.wrong(at, "type", f"{value!r} is not a {wanted}")
        elif schema.values and value not in schema.values:
            self.wrong(at, "enum", f"{value!r} is not one of {', '.join(schema.values)}")
        elif wanted == "string" and UNKNOWN not in value and _ID.fullmatch(value) and not is_a_path(value):
            self.wrong(at, "id", f"no resource has an id like {value}")

    def _judged(self, at: str, value: Any = None) -> None:
        self._report.judged += [self.path(leaf) for leaf in leaves(value, at)]
