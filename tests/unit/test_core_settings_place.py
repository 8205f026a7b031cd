import json
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError
from mlcloud.core.settings import (
    ClusterCompute,
    ExistingNetwork,
    JobCompute,
    ManagedNetwork,
    NoNetwork,
    load,
)

AWS = {
    "mlcloud:cloud": "aws",
    "mlcloud:region": "eu-central-1",
    "mlcloud:data": '{"path": "a.csv"}',
    "mlcloud:training": '{"estimator": "svm", "target": "y"}',
}


def settings(**keys: Any):
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    return load({**AWS, **{f"mlcloud:{key}": text for key, text in texts.items()}})


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


ON_CLUSTER = {"estimator": "svm", "target": "y", "compute": {"kind": "cluster"}}
GPUS = {"cluster": {"accelerator": "A10G"}, "network": {"zones": 2}}


def test_a_run_has_machines_of_its_own_or_those_of_the_cluster():
    plain = settings(training={**ON_CLUSTER, "compute": {"instance_type": "ml.g5.xlarge"}}).training
    assert plain is not None
    assert plain.compute == JobCompute(instance_type="ml.g5.xlarge")
    clustered = settings(**GPUS, training=ON_CLUSTER).training
    assert clustered is not None
    assert clustered.compute == ClusterCompute(kind="cluster", nodes=1)


def test_each_kind_of_compute_has_keys_of_its_own():
    compute = {"kind": "cluster", "instance_type": "ml.g5.xlarge", "instances": 2}
    said = problems(**GPUS, training={**ON_CLUSTER, "compute": compute})
    assert "mlcloud:training.compute.instance_type" in said
    assert "mlcloud:training.compute.instances" in said
    assert "mlcloud:training.compute.nodes" in problems(
        training={**ON_CLUSTER, "compute": {"kind": "job", "nodes": 2}}
    )


def test_a_run_on_the_cluster_needs_a_cluster():
    said = problems(training=ON_CLUSTER)
    assert "mlcloud:training.compute.kind" in said
    assert "add `cluster: {accelerator: ...}`" in said


def test_a_run_takes_no_more_machines_than_the_cluster_has():
    many = {**ON_CLUSTER, "compute": {"kind": "cluster", "nodes": 3}}
    said = problems(**GPUS, training=many)
    assert "mlcloud:training.compute.nodes = 3" in said
    assert "at most `cluster.max_machines`, 1" in said
    cluster = {"accelerator": "A10G", "max_machines": 3}
    assert settings(training=many, cluster=cluster, network={"zones": 2}).training is not None


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
