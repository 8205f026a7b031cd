"""What each cloud can have and what it refuses, by the settings' own paths."""

from typing import Any

import pytest
from mlcloud.core.settings import (
    AsynchronousCapacity,
    Canary,
    InstanceCapacity,
)
from mlcloud.core.settings.refused import REFUSED
from support.settings_read import PIN, only_problem, problems, read, training


@pytest.mark.parametrize(
    ("keys", "path", "instead"),
    [
        ({"region": "eu-central-1"}, "mlcloud:region", "remove it"),
        ({"budget": {"monthly": 10}}, "mlcloud:budget", "in a cloud's stack"),
        ({"image": f"registry/x@sha256:{'a' * 64}"}, "mlcloud:image", "the installed trainer"),
        ({"training": training(compute={"spot": True})}, "mlcloud:training.compute", "this machine"),
        ({"endpoint": {"capacity": {"kind": "serverless"}}}, "mlcloud:endpoint.capacity.kind", "`instance`"),
        ({"endpoint": {"capacity": {"min": 0}}}, "mlcloud:endpoint.capacity.min", "1 or more"),
        ({"endpoint": {"capacity": {"max": 65}}}, "mlcloud:endpoint.capacity.max", "64 or less"),
        ({"monitoring": {"notify": ["a@example.org"]}}, "mlcloud:monitoring.notify", "monitoring.webhook"),
        ({"monitoring": {"log_retention_days": 30}}, "mlcloud:monitoring.log_retention_days", "remove it"),
    ],
)
def test_what_local_lacks_is_refused_by_name_with_the_nearest_alternative(
    keys: dict[str, Any], path: str, instead: str
):
    problem = only_problem(**keys)
    assert problem.path == path
    assert "local has" in problem.allowed
    assert instead in problem.fix


def test_local_moves_traffic_in_whole_percents():
    rollout = read(endpoint={"rollout": {"kind": "canary", "percent": 5}}).endpoint.rollout
    assert isinstance(rollout, Canary)
    assert rollout.percent == 5
    problem = only_problem(endpoint={"rollout": {"kind": "linear", "step_percent": 12.5}})
    assert problem.path == "mlcloud:endpoint.rollout"
    assert "the endpoint's supervisor splits traffic by no others" in problem.allowed
    assert problem.fix == "write 12"


def test_every_refusal_names_a_setting_that_exists():
    from mlcloud.core.settings.describe import at, document

    for row in REFUSED:
        assert at(document(), row.path.split("."), {"network": {"kind": "existing"}}), row.path


CLOUD: dict[str, Any] = {"cloud": "aws", "region": "eu-central-1"}


def test_a_cloud_takes_what_local_refuses():
    settings = read(
        **CLOUD,
        budget={"monthly": "250"},
        endpoint={"capacity": {"max": 4}, "rollout": {"kind": "canary", "wait_minutes": 0}},
        monitoring={"notify": ["ops@example.org"]},
    )
    assert isinstance(settings.endpoint.capacity, InstanceCapacity)
    assert isinstance(settings.endpoint.rollout, Canary)
    assert settings.endpoint.rollout.wait_minutes == 0
    assert settings.budget is not None
    assert settings.budget.monthly == 250


def test_local_alarms_have_limits_and_tell_a_webhook_or_a_command():
    told = {"webhook": "https://hooks.example.com/t0k3n?a=b", "command": ["sh", "tell.sh"], "port": 8480}
    found = read(monitoring={**told, "error_percent": 5, "latency_p99_ms": "200"}).monitoring
    assert (found.error_percent, found.latency_p99_ms, found.port) == (5, 200, 8480)
    assert found.command == ("sh", "tell.sh")
    assert "t0k3n" not in repr(found)


@pytest.mark.parametrize(
    ("key", "value"), [("webhook", "https://hooks.example.com/"), ("command", ["true"]), ("port", 8480)]
)
@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_a_cloud_tells_addresses_and_has_a_dashboard_of_its_own(cloud: str, key: str, value: object):
    found = problems(cloud=cloud, region="x", monitoring={"notify": ["ops@example.org"], key: value})
    assert "remove it" in found[f"mlcloud:monitoring.{key}"].fix


@pytest.mark.parametrize(
    "keys",
    [
        {"monitoring": {"webhook": "ftp://t0k3n"}},
        {"monitoring": {"webhook": "https://user:t0k3n@host/"}},
        {"monitoring": {"webhook": ["https://t0k3n"]}},
        {"monitor": {"webhook": "https://t0k3n"}},
        {"endpoint": {"webhook": "https://t0k3n"}},
        {**CLOUD, "monitoring": {"webhook": "https://t0k3n"}},
    ],
)
def test_no_problem_shows_a_webhook(keys: dict[str, Any]):
    found = problems(**keys)
    assert found
    assert "t0k3n" not in "".join(map(str, found.values()))


def test_asynchronous_capacity_scales_to_zero():
    capacity = read(**CLOUD, endpoint={"capacity": {"kind": "asynchronous", "min": 0}}).endpoint.capacity
    assert isinstance(capacity, AsynchronousCapacity)
    assert capacity.min == 0


def test_a_cloud_needs_a_region_and_has_no_port():
    found = problems(cloud="azure", endpoint={"port": 8080}, monitoring={"notify": ["ops@example.org"]})
    assert set(found) == {"mlcloud:region", "mlcloud:endpoint.port"}


SUBNET = "projects/p-1234/regions/europe-west4/subnetworks/s"


GCP: dict[str, Any] = {
    "cloud": "gcp",
    "region": "europe-west4",
    "monitoring": {"notify": ["ops@example.org"]},
}


def test_gcp_refuses_what_it_does_not_have_all_at_once():
    found = problems(
        **GCP,
        endpoint={"capacity": {"kind": "serverless"}},
        cluster={"accelerator": "L4", "spot": True},
        network={"kind": "existing", "subnets": [SUBNET], "security_groups": ["b"]},
        budget={"monthly": 10},
    )
    assert set(found) == {
        "mlcloud:endpoint.capacity.kind",
        "mlcloud:cluster.spot",
        "mlcloud:network.security_groups",
        "mlcloud:budget.billing_account",
    }
    assert found["mlcloud:endpoint.capacity.kind"].fix == "set it to `instance`"
    assert "training.compute.spot" in found["mlcloud:cluster.spot"].fix
    assert "gcloud billing accounts list" in found["mlcloud:budget.billing_account"].fix


def test_gcp_tells_somebody_and_does_not_scale_to_zero():
    found = problems(cloud="gcp", region="europe-west4", endpoint={"capacity": {"min": 0}})
    assert set(found) == {"mlcloud:monitoring.notify", "mlcloud:endpoint.capacity.min"}
    assert "serverless" not in found["mlcloud:endpoint.capacity.min"].fix


def test_gcp_names_who_pays_and_aws_does_not():
    paid = {"monthly": 10, "billing_account": "012345-6789AB-CDEF01"}
    settings = read(**GCP, budget=paid)
    assert settings.budget is not None
    assert settings.budget.billing_account == "012345-6789AB-CDEF01"
    assert only_problem(**CLOUD, budget=paid).path == "mlcloud:budget.billing_account"
    wrong = problems(**GCP, budget={"monthly": 10, "billing_account": "mine"})
    assert set(wrong) == {"mlcloud:budget.billing_account"}


def test_an_existing_network_has_security_groups_on_aws_and_none_on_gcp():
    network = {"kind": "existing", "subnets": ["a"]}
    assert only_problem(**CLOUD, network=network).path == "mlcloud:network.security_groups"
    assert read(**GCP, network={**network, "subnets": [SUBNET]}).network is not None


def test_most_servers_are_not_fewer_than_the_fewest():
    problem = only_problem(**CLOUD, endpoint={"capacity": {"min": "10", "max": "9"}})
    assert problem.path == "mlcloud:endpoint.capacity.max"


def test_prod_in_a_cloud_pins_its_model():
    problem = only_problem(**CLOUD, environment="prod", endpoint={"capacity": {"min": 2}})
    assert problem.path == "mlcloud:model"
    assert "mlcloud promote" in problem.fix
    pin = {**PIN, "uri": "s3://models/a/model.tar.gz"}
    two = {"capacity": {"min": 2}}
    assert read(**CLOUD, environment="prod", model=pin, endpoint=two).environment == "prod"


def test_prod_on_local_may_serve_its_own_run():
    assert read(environment="prod").model == "training"


def test_a_pinned_model_lies_where_the_cloud_reads_it():
    assert only_problem(**CLOUD, model=PIN).path == "mlcloud:model.uri"
    assert only_problem(model={**PIN, "uri": "models/a"}).path == "mlcloud:model.uri"
