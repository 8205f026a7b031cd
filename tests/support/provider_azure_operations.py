"""Long-running operations of the fake Azure: each ends after a number of looks, at whichever.

Azure ML tells them as Azure Resource Manager does: by `Azure-AsyncOperation`, or by `Location` alone
(https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.provider_azure_answers import Answer, RefusedCall, missing

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"


@dataclass
class Operation:
    """An operation: what it does when it ends, and how often it is looked at before."""

    name: str
    carry_out: Callable[[], Any]
    looks: int
    status: str = "InProgress"
    error: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        return self.status != "InProgress"

    def look(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            try:
                self.carry_out()
                self.status = "Succeeded"
            except RefusedCall as refused:
                self.status = "Failed"
                self.error = {"code": refused.code, "message": str(refused)}


class Operations:
    """All operations; `looks` says how often the next ones are looked at before they end."""

    def __init__(self, url: Callable[[], str], subscription: str, location: str) -> None:
        self.all: dict[str, Operation] = {}
        self.looks = 0
        self._url = url
        self._place = _PROVIDER.format(subscription=subscription, location=location)
        self._numbers = itertools.count(1000)

    def start(
        self,
        carry_out: Callable[[], Any],
        content: Any = None,
        *,
        status: int = 201,
        by_location: bool = False,
    ) -> Answer:
        """The answer to a call that begins something: it names the operation."""
        name = f"op-{next(self._numbers)}"
        self.all[name] = Operation(name, carry_out, self.looks)
        told = "mfeOperationResults" if by_location else "mfeOperationsStatus"
        header = "Location" if by_location else "Azure-AsyncOperation"
        address = f"{self._url()}{self._place}/{told}/{name}?api-version=2025-12-01"
        return Answer(
            status, {} if content is None else content, headers={header: address, "Retry-After": "0"}
        )

    def open(self) -> list[Operation]:
        return [operation for operation in self.all.values() if not operation.done]

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            f"operations_status GET {_PROVIDER}/mfeOperationsStatus/{{operation}}": self._status,
            f"operations_result GET {_PROVIDER}/mfeOperationResults/{{operation}}": self._result,
        }

    def _look(self, name: str) -> Operation:
        """What is looked at goes on, and so does what nobody looks at."""
        for operation in self.open():
            operation.look()
        if name not in self.all:
            raise missing(name)
        return self.all[name]

    def _status(self, request: Any) -> dict[str, Any]:
        found = self._look(request.given["operation"])
        told = {"name": found.name, "status": found.status}
        return told if found.error is None else {**told, "error": found.error}

    def _result(self, request: Any) -> Answer:
        found = self._look(request.given["operation"])
        if not found.done:
            return Answer(
                202, {}, headers={"Location": f"{self._url()}{request.path}?api-version=2025-12-01"}
            )
        if found.error is not None:
            return Answer(400, {"error": found.error})
        return Answer(200, {})
