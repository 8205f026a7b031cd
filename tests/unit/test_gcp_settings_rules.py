"""What a stack file cannot have on GCP is told by its path, before anything is asked."""

import json
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError
from mlcloud.core.settings import load

RIGHT: dict[str, Any] = {
    "cloud": "gcp",
    "region": "europe-west4",
    "monitoring": {"notify": ["ops@example.org"]},
    "data": {"path": "a.csv"},
    "training": {"estimator": "svm", "target": "y"},
}
PIN = {"name": "shop", "sha256": "0" * 64, "version": "v1"}
PROD = {"environment": "prod", "model": {**PIN, "uri": "gs://b/models/a"}}


def read(**keys: Any) -> None:
    given = {**RIGHT, **keys}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    load({f"mlcloud:{key}": text for key, text in texts.items()})


def test_what_is_right_is_read() -> None:
    read()
    read(**PROD, endpoint={"capacity": {"min": 2, "instance_type": "g2-standard-8"}})
    read(training={**RIGHT["training"], "compute": {"kind": "cluster"}}, cluster={"accelerator": "L4"})
    read(image=f"europe-west4-docker.pkg.dev/p/r/trainer@sha256:{'0' * 64}")


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"region": "eu-central-1"}, "region"),
        ({"endpoint": {"capacity": {"instance_type": "ml.m5.large"}}}, "endpoint.capacity.instance_type"),
        ({"endpoint": {"capacity": {"min": 0}}}, "endpoint.capacity.min"),
        ({"endpoint": {"rollout": {"kind": "canary", "percent": 2.5}}}, "endpoint.rollout"),
        (PROD, "endpoint.capacity.min"),
        ({**PROD, "endpoint": {"capacity": {"min": 2}}, "network": {"kind": "none"}}, "network.kind"),
        ({"model": {**PIN, "uri": "gs://b/model.tar.gz"}}, "model.uri"),
        ({"image": f"docker.io/shop/trainer@sha256:{'0' * 64}"}, "image"),
        ({"cluster": {"accelerator": "L5"}}, "cluster.accelerator"),
        ({"cluster": {"accelerator": "L4", "accelerators": 3}}, "cluster.accelerators"),
        ({"training": {**RIGHT["training"], "compute": {"kind": "cluster"}}}, "training.compute.kind"),
        (
            {
                "training": {**RIGHT["training"], "compute": {"kind": "cluster", "nodes": 2}},
                "cluster": {"accelerator": "L4"},
            },
            "training.compute.nodes",
        ),
        ({"cluster": {"accelerator": "L4", "spot": True}}, "cluster.spot"),
        ({"network": {"kind": "existing", "subnets": ["s"]}}, "network.subnets[0]"),
        ({"monitoring": {}}, "monitoring.notify"),
        ({"budget": {"monthly": 5}}, "budget.billing_account"),
        ({"data": {"path": "gs://bucket/a.csv"}}, "data.path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_gcp_cannot_have_is_told(keys: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    assert [problem.path for problem in caught.value.problems] == [f"mlcloud:{path}"]
