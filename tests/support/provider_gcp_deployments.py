"""A place for deployments: an endpoint, a model with two versions, and what each must answer."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from support import provider_gcp_cloud as gcp
from support.provider_gcp_resources import DEPLOYMENT
from support.provider_plugin import Plugin, ResourceClient

BUCKET = "models"


@dataclass(frozen=True)
class Place:
    """An endpoint and a model of one test's own."""

    cloud: gcp.Cloud
    name: str

    @property
    def endpoint(self) -> str:
        return f"{gcp.LOCATION}/endpoints/{self.name}"

    @property
    def model(self) -> str:
        return f"{gcp.LOCATION}/models/{self.name}"

    @property
    def policy(self) -> str:
        return f"projects/{gcp.PROJECT}/alertPolicies/{self.name}"

    def version(self, number: int) -> str:
        return f"{self.model}@{number}"

    def folder(self, number: int) -> str:
        return f"models/{self.name}-{number}"

    def inputs(self, number: int, **more: Any) -> dict[str, Any]:
        given = {
            "name": self.name,
            "project": gcp.PROJECT,
            "region": gcp.REGION,
            "endpoint": self.endpoint,
            "model": self.version(number),
            "machineType": "n1-standard-2",
            "modelUri": f"gs://{BUCKET}/{self.folder(number)}/",
            "modelSha256": self.sha256(number),
        }
        return {**given, **more}

    def sha256(self, number: int) -> str:
        content = self.cloud.storage.get(BUCKET, f"{self.folder(number)}/manifest.json")
        return hashlib.sha256(content).hexdigest()

    def traffic(self) -> dict[str, int]:
        return self.cloud.endpoints.traffic(self.endpoint)

    def splits(self) -> list[list[int]]:
        """The shares that the endpoint has had one after the other, the largest last."""
        return [sorted(split.values()) for split in self.cloud.endpoints.splits.get(self.endpoint, [])]

    def answer(self, number: int, prediction: Any) -> None:
        """What a version predicts."""
        self.cloud.endpoints.predictions[self.version(number)] = prediction

    def served(self, plugin: Plugin, **more: Any) -> ResourceClient:
        """A deployment that serves version 1."""
        deployment = plugin.resource(DEPLOYMENT, self.name)
        deployment.create(self.inputs(1, **more))
        return deployment


def make_place(cloud: gcp.Cloud, unique: str) -> Place:
    """A place where both versions answer as their manifests promise."""
    place = Place(cloud, f"churn-{unique}")
    cloud.endpoints.make(place.endpoint)
    cloud.models.all[place.model] = {}
    for number in (1, 2):
        aliases = ["default"] if number == 2 else []
        told = {"displayName": place.name, "versionId": str(number), "versionAliases": aliases}
        cloud.models.all[place.model][str(number)] = {**told, "labels": {}}
        manifest = {"smoke": {"instance": {"a": 1}, "prediction": f"class {number}"}, "files": {}}
        cloud.storage.put(BUCKET, f"{place.folder(number)}/manifest.json", json.dumps(manifest).encode())
        place.answer(number, f"class {number}")
    return place
