"""The workspace of the fake Azure ML, and where its other services are, as Azure's own client asks for it."""

from collections.abc import Callable
from typing import Any


class Workspace:
    """One workspace, which is there from the start."""

    def __init__(self, url: Callable[[], str], region: str) -> None:
        self._url = url
        self._region = region

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {"discovery_get GET /discovery": self._discovery}

    def told(self, path: str) -> dict[str, Any]:
        return {
            "id": path,
            "name": path.rsplit("/", 1)[-1],
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": self._region,
            "properties": {
                "workspaceId": "22222222-3333-4444-5555-666666666666",
                "discoveryUrl": f"{self._url()}/discovery",
                "provisioningState": "Succeeded",
            },
        }

    def _discovery(self, request: Any) -> dict[str, str]:
        return {"api": self._url(), "history": self._url()}
