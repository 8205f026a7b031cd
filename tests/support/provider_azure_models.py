"""The model registry of the fake Azure ML: the versions of each model, as the workspace tells them."""

from collections.abc import Callable
from typing import Any

from support.provider_azure_answers import missing


class Models:
    """Versions by the model's resource id, the latest first, as Azure ML lists them."""

    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {}

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {"model_versions_list": self._list}

    def register(self, model: str, name: str, made: str, **properties: Any) -> None:
        version = {
            "id": f"{model}/versions/{name}",
            "name": name,
            "systemData": {"createdAt": made},
            "properties": properties,
        }
        self.all.setdefault(model, []).insert(0, version)

    def _list(self, request: Any) -> dict[str, Any]:
        model = request.path.partition("/versions")[0]
        if model not in self.all:
            raise missing(model)
        return {"value": self.all[model]}
