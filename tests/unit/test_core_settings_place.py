import json
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError
from mlcloud.core.settings import ExistingNetwork, ManagedNetwork, NoNetwork, load

AWS = {
    "mlcloud:cloud": "aws",
    "mlcloud:region": "eu-central-1",
    "mlcloud:data": '{"path": "a.csv"}',
    "mlcloud:training": '{"estimator": "svm", "target": "y"}',
}


def settings(**keys: Any):
    return load({**AWS, **{f"mlcloud:{key}": json.dumps(value) for key, value in keys.items()}})


def problems(**keys: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(**keys)
    return str(caught.value)


def test_a_network_is_managed_existing_or_none():
    assert settings().network is None
    assert settings(network={"cidr": "10.1.0.0/16"}).network == ManagedNetwork(cidr="10.1.0.0/16")
    assert settings(network={"kind": "none"}).network == NoNetwork(kind="none")
    existing = {"kind": "existing", "subnets": ["subnet-1"], "security_groups": ["sg-1"]}
    assert settings(network=existing).network == ExistingNetwork.model_validate(existing)


def test_an_existing_network_names_its_subnets_and_groups():
    said = problems(network={"kind": "existing"})
    assert "mlcloud:network.subnets is missing" in said
    assert "mlcloud:network.security_groups is missing" in said


@pytest.mark.parametrize("network", [None, {"kind": "none"}])
def test_a_cluster_needs_a_network(network: dict[str, str] | None):
    keys: dict[str, Any] = {"cluster": {"accelerator": "A10G"}}
    said = problems(**keys, **({} if network is None else {"network": network}))
    assert "mlcloud:network.kind" in said
    assert settings(**keys, network={"zones": 3}).cluster is not None


def test_local_has_neither_network_nor_cluster():
    with pytest.raises(ConfigError) as caught:
        load(
            {
                "mlcloud:data": '{"path": "a.csv"}',
                "mlcloud:training": '{"estimator": "svm", "target": "y"}',
                "mlcloud:network": '{"kind": "none"}',
                "mlcloud:cluster": '{"accelerator": "T4"}',
            }
        )
    assert {problem.path for problem in caught.value.problems} == {"mlcloud:network", "mlcloud:cluster"}


def test_machines_that_answer_at_once_do_not_scale_to_zero_on_aws():
    assert "mlcloud:endpoint.capacity.min = 0" in problems(endpoint={"capacity": {"min": 0}})
    assert settings(endpoint={"capacity": {"kind": "asynchronous", "min": 0}})


def test_aws_bills_in_dollars_or_yuan():
    assert "mlcloud:budget.currency" in problems(budget={"monthly": 10, "currency": "EUR"})
    assert settings(budget={"monthly": 10, "currency": "USD"}).budget
