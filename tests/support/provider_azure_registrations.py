"""Resource providers of the fake Azure's subscription: registered by a call, and only after a while.

https://learn.microsoft.com/rest/api/resources/providers.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from support.provider_azure_answers import user_error

_PROVIDER = "/subscriptions/{subscription}/providers/{namespace}"
_VERSION = "2021-04-01"


class Registrations:
    """States by namespace; a registration takes as many looks as `looks` says."""

    def __init__(self) -> None:
        self.states: dict[str, str] = defaultdict(lambda: "NotRegistered")
        self.looks = 1
        self._left: dict[str, int] = {}

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            f"providers_get GET {_PROVIDER}": self._get,
            f"providers_register POST {_PROVIDER}/register": self._register,
        }

    def _get(self, request: Any) -> dict[str, Any]:
        name = request.given["namespace"]
        if self.states[name] == "Registering":
            if self._left[name] == 0:
                self.states[name] = "Registered"
            self._left[name] -= 1
        return self._told(request)

    def _register(self, request: Any) -> dict[str, Any]:
        name = request.given["namespace"]
        if self.states[name] != "Registered":
            self.states[name], self._left[name] = "Registering", self.looks
        return self._told(request)

    def _told(self, request: Any) -> dict[str, Any]:
        if request.query.get("api-version") != _VERSION:
            raise user_error(f"{request.query} is not a question of {_VERSION}.")
        name = request.given["namespace"]
        return {"id": request.path, "namespace": name, "registrationState": self.states[name]}
