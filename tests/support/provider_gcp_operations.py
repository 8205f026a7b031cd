"""Long-running operations of the fake Vertex AI: each ends after a number of looks, at whichever."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.provider_gcp_answers import RefusedCall, missing

CANCELLED = 1
_CODES = {"PERMISSION_DENIED": 7, "INVALID_ARGUMENT": 3, "NOT_FOUND": 5}
_ANY = "type.googleapis.com/google.cloud.aiplatform.v1."
_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


@dataclass
class Operation:
    """An operation: what it does when it ends, and how often it is looked at before."""

    name: str
    carry_out: Callable[[], dict[str, Any]]
    looks: int
    kind: str
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return bool(self.outcome)

    def look(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            try:
                self.outcome = {"response": self.carry_out() or _EMPTY}
            except RefusedCall as error:
                self.outcome = {"error": {"code": _CODES.get(error.code, 9), "message": str(error)}}

    def told(self) -> dict[str, Any]:
        told = {"name": self.name, "metadata": {"@type": f"{_ANY}{self.kind}OperationMetadata"}}
        return {**told, **({"done": True, **self.outcome} if self.done else {})}


class Operations:
    """All operations; `looks` says how often the next ones are looked at before they end."""

    def __init__(self) -> None:
        self.all: dict[str, Operation] = {}
        self.looks = 0
        self._numbers = itertools.count(1000)

    def start(self, parent: str, carry_out: Callable[[], dict[str, Any]], kind: str) -> dict[str, Any]:
        name = f"{parent}/operations/{next(self._numbers)}"
        self.all[name] = Operation(name, carry_out, self.looks, kind)
        return self.all[name].told()

    def open(self) -> list[Operation]:
        return [operation for operation in self.all.values() if not operation.done]

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "operations.get": self._look,
            "operations.wait": self._look,
            "operations.cancel": self._cancel,
            "operations.list": self._list,
        }

    def _named(self, name: str) -> Operation:
        if name not in self.all:
            raise missing(name)
        return self.all[name]

    def _look(self, request: Any) -> dict[str, Any]:
        """What is looked at goes on, and so does what nobody looks at."""
        for operation in self.open():
            operation.look()
        return self._named(request.given["name"]).told()

    def _cancel(self, request: Any) -> dict[str, Any]:
        operation = self._named(request.given["name"])
        if not operation.done:
            operation.outcome = {"error": {"code": CANCELLED, "message": "The operation was cancelled."}}
        return {}

    def _list(self, request: Any) -> dict[str, Any]:
        prefix = f"{request.given['name']}/operations/"
        return {"operations": [item.told() for name, item in self.all.items() if name.startswith(prefix)]}
