"""What a stack file cannot have on Azure is told by its path, before anything is asked."""

import json
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError
from mlcloud.core.settings import load

RIGHT: dict[str, Any] = {
    "cloud": "azure",
    "region": "westeurope",
    "monitoring": {"notify": ["ops@example.org"]},
    "data": {"path": "a.csv"},
    "training": {"estimator": "svm", "target": "y"},
}
PIN = {"name": "shop", "sha256": "0" * 64, "version": "v1"}
PROD = {
    "environment": "prod",
    "model": {**PIN, "uri": "https://shop.blob.core.windows.net/models/models/a"},
}
SUBNET = "/subscriptions/s-1/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/private"


def read(**keys: Any) -> None:
    given = {**RIGHT, **keys}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    load({f"mlcloud:{key}": text for key, text in texts.items()})


def test_what_is_right_is_read() -> None:
    read()
    read(**PROD, endpoint={"capacity": {"min": 2, "instance_type": "Standard_NC4as_T4_v3"}})
    read(training={**RIGHT["training"], "compute": {"kind": "cluster"}}, cluster={"accelerator": "T4"})
    read(cluster={"accelerator": "T4", "spot": True})
    read(image=f"shopregistry.azurecr.io/trainer@sha256:{'0' * 64}", region="eastus2")
    read(network={"kind": "existing", "subnets": [SUBNET]}, budget={"monthly": 5})


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"region": "west-europe"}, "region"),
        ({"endpoint": {"capacity": {"instance_type": "ml.m5.large"}}}, "endpoint.capacity.instance_type"),
        ({"endpoint": {"capacity": {"min": 0}}}, "endpoint.capacity.min"),
        ({"endpoint": {"capacity": {"max": 51}}}, "endpoint.capacity.max"),
        ({"endpoint": {"capacity": {"kind": "serverless"}}}, "endpoint.capacity.kind"),
        ({"endpoint": {"capacity": {"kind": "asynchronous", "min": 1}}}, "endpoint.capacity.kind"),
        ({"endpoint": {"rollout": {"kind": "canary", "percent": 2.5}}}, "endpoint.rollout"),
        (PROD, "endpoint.capacity.min"),
        ({**PROD, "endpoint": {"capacity": {"min": 2}}, "network": {"kind": "none"}}, "network.kind"),
        ({"model": {**PIN, "uri": "https://shop.blob.core.windows.net/models/a.tar.gz"}}, "model.uri"),
        ({"model": {**PIN, "uri": "https://example.org/models/a"}}, "model.uri"),
        ({"model": {**PIN, "uri": "azureml://registries/r/models/m/versions/1"}}, "model.uri"),
        ({"image": f"docker.io/shop/trainer@sha256:{'0' * 64}"}, "image"),
        ({"cluster": {"accelerator": "T5"}}, "cluster.accelerator"),
        ({"cluster": {"accelerator": "T4", "accelerators": 3}}, "cluster.accelerators"),
        ({"training": {**RIGHT["training"], "compute": {"kind": "cluster"}}}, "training.compute.kind"),
        (
            {
                "training": {**RIGHT["training"], "compute": {"kind": "cluster", "nodes": 2}},
                "cluster": {"accelerator": "T4"},
            },
            "training.compute.nodes",
        ),
        ({"network": {"kind": "existing", "subnets": ["s"]}}, "network.subnets[0]"),
        ({"network": {"kind": "existing", "subnets": [SUBNET, f"{SUBNET}2"]}}, "network.subnets"),
        (
            {"network": {"kind": "existing", "subnets": [SUBNET], "security_groups": ["g"]}},
            "network.security_groups",
        ),
        ({"monitoring": {}}, "monitoring.notify"),
        (
            {"monitoring": {**RIGHT["monitoring"], "log_retention_days": 14}},
            "monitoring.log_retention_days",
        ),
        ({"budget": {"monthly": 5, "currency": "EUR"}}, "budget.currency"),
        ({"budget": {"monthly": 5, "billing_account": "012345-6789AB-CDEF01"}}, "budget.billing_account"),
        ({"data": {"path": "https://shop.blob.core.windows.net/data/a.csv"}}, "data.path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_azure_cannot_have_is_told(keys: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    assert [problem.path for problem in caught.value.problems] == [f"mlcloud:{path}"]
