"""A container registry of the fake Azure: an Entra token is exchanged for a refresh token.

https://azure.github.io/acr/AAD-OAuth.html.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from support.provider_azure_answers import Answer


class Registry:
    """Every registry that is asked; its tokens are numbered."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {"registry_exchange POST /oauth2/exchange": self._exchange}

    def _exchange(self, request: Any) -> Any:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if form.get("grant_type") != "access_token" or not form.get("service", "").endswith(".azurecr.io"):
            return _refused(400, "UNSUPPORTED", "the form lacks what the exchange needs")
        if form.get("access_token") != "token for https://containerregistry.azure.net":
            return _refused(401, "UNAUTHORIZED", "authentication required")
        self.tokens.append(f"refresh token {len(self.tokens)} until {int(time.time()) + 3 * 3600}")
        return {"refresh_token": self.tokens[-1]}


def _refused(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"errors": [{"code": code, "message": message}]})
