"""Components of AWS as a plan declares them, and what most of them are given."""

from collections.abc import Callable
from typing import Any

from mlcloud.core.scope import Scope
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for

from support.plan import plan

KEY = "arn:aws:kms:eu-central-1:123456789012:key/8d3f9f3e-6d8e-4f43-9f31-0f3f9e5c7a11"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shop-prod"
ROLE = "arn:aws:iam::123456789012:role/shop-prod-endpoint"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64


def scope(environment: Any = "prod") -> Scope:
    return Scope(
        project="shop",
        stack=environment,
        environment=environment,
        account="123456789012",
        region="eu-central-1",
        tags={"mlcloud-stack": environment},
    )


class Declared:
    """A plan's resources by type and name."""

    def __init__(self, program: Callable[[], Any]) -> None:
        providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
        found = plan(program, providers=providers, config={"aws:region": "eu-central-1"})
        assert found.ok, found.diagnostics
        self.entries = [entry for entry in found.to_dict()["resources"] if entry["custom"]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["type"].endswith(f":{kind}")]

    def one(self, kind: str) -> dict[str, Any]:
        (entry,) = self.all(kind)
        return entry

    def inputs(self, kind: str) -> dict[str, Any]:
        return self.one(kind)["inputs"]

    def alarms(self) -> dict[str, dict[str, Any]]:
        return {entry["inputs"]["name"]: entry["inputs"] for entry in self.all("MetricAlarm")}
