"""A place for traffic: an endpoint with two colours, and what each must answer."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from support import provider_azure_cloud as azure
from support.provider_azure_resources import TRAFFIC
from support.provider_plugin import Plugin, ResourceClient

ACCOUNT = "churnmodels"
CONTAINER = "models"
OURS = {"mlcloud-project": "churn", "mlcloud-stack": "dev"}
THEIRS = {"mlcloud-project": "churn", "mlcloud-stack": "prod"}


@dataclass(frozen=True)
class Place:
    """An endpoint of one test's own; its colours are `blue` and `green`, of model 1 and 2."""

    cloud: azure.Cloud
    name: str

    @property
    def path(self) -> str:
        return f"{azure.WORKSPACE_ID}/onlineEndpoints/{self.name}"

    @property
    def rule(self) -> str:
        group = f"/subscriptions/{azure.SUBSCRIPTION}/resourceGroups/{azure.GROUP}"
        return f"{group}/providers/Microsoft.Insights/metricAlerts/{self.name}-slow"

    def folder(self, number: int) -> str:
        return f"models/{self.name}-{number}"

    def uri(self, number: int) -> str:
        return f"https://{ACCOUNT}.blob.core.windows.net/{CONTAINER}/{self.folder(number)}"

    def inputs(self, number: int, **more: Any) -> dict[str, Any]:
        given = {
            "name": "churn",
            "subscription": azure.SUBSCRIPTION,
            "resourceGroup": azure.GROUP,
            "workspace": azure.WORKSPACE,
            "endpoint": self.name,
            "deployment": COLOURS[number],
            "modelUri": self.uri(number),
            "modelSha256": self.sha256(number),
        }
        return {**given, **more}

    def sha256(self, number: int) -> str:
        content = self.cloud.storage.get(ACCOUNT, CONTAINER, f"{self.folder(number)}/manifest.json")
        return hashlib.sha256(content).hexdigest()

    def traffic(self) -> dict[str, int]:
        return self.cloud.endpoints.traffic(self.path)

    def splits(self) -> list[dict[str, int]]:
        """The shares that the endpoint has had one after the other."""
        return self.cloud.endpoints.splits.get(self.path, [])

    def mirrors(self) -> list[dict[str, int]]:
        return self.cloud.endpoints.mirrors.get(self.path, [])

    def answer(self, number: int, prediction: Any) -> None:
        """What a colour predicts."""
        self.cloud.endpoints.predictions[f"{self.path}/deployments/{COLOURS[number]}"] = prediction

    def served(self, plugin: Plugin, **more: Any) -> ResourceClient:
        """Traffic that goes to blue."""
        traffic = plugin.resource(TRAFFIC, self.name)
        traffic.create(self.inputs(1, **more))
        return traffic


COLOURS = {1: "blue", 2: "green"}


def make_place(cloud: azure.Cloud, unique: str, **properties: Any) -> Place:
    """A place where both colours answer as their models' manifests promise."""
    place = Place(cloud, f"churn-{unique}")
    cloud.endpoints.make(place.path, tags=OURS, **properties)
    for number, colour in COLOURS.items():
        cloud.endpoints.deploy(place.path, colour, tags=OURS)
        manifest = {"smoke": {"instance": {"a": 1}, "prediction": f"class {number}"}, "files": {}}
        content = json.dumps(manifest).encode()
        cloud.storage.put(ACCOUNT, CONTAINER, f"{place.folder(number)}/manifest.json", content)
        place.answer(number, f"class {number}")
    return place
