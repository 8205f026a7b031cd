"""What GCP's components refuse before anything is declared, and what their arguments decide."""

from collections.abc import Callable
from typing import Any

import pytest
from mlcloud.core.args import TrainingArgs
from mlcloud.core.errors import ArgsError, UserError
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Canary, Settings
from mlcloud.gcp import settings_args
from mlcloud.gcp.bucket import GcpBucketArgs
from mlcloud.gcp.budget import GcpBudgetArgs
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.cluster import GcpClusterArgs
from mlcloud.gcp.endpoint import GcpEndpointArgs
from mlcloud.gcp.foundation import BUDGET_SERVICES, NETWORK_SERVICES, GcpFoundationArgs, ServiceAgents
from mlcloud.gcp.identity import GcpIdentityArgs
from mlcloud.gcp.models import GcpModelArgs, ServedModel
from mlcloud.gcp.monitoring import GcpMonitoringArgs, GcpNotificationsArgs
from mlcloud.gcp.network import ExistingNetwork, GcpNetworkArgs, ManagedNetwork, NoNetwork
from mlcloud.gcp.prefixes import vertex_prefix
from mlcloud.gcp.registry import GcpRegistryArgs, ImageFromDigest
from mlcloud.gcp.training import GcpTrainingArgs

KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
AGENTS = ServiceAgents.of_project("123456789012")
REGISTRY = "europe-west4-docker.pkg.dev/shop-123456"
IMAGE = f"{REGISTRY}/shop/trainer@sha256:{'0' * 64}"
MODEL = ServedModel(name="m", uri="gs://b/models/a", sha256="0" * 64, image_uri=IMAGE)


def scope(environment: Any = "dev", **keys: Any) -> Scope:
    given = {"project": "shop", "stack": environment, "account": "shop-123456", "region": "europe-west4"}
    return Scope(**{**given, "environment": environment, "tags": {"mlcloud-stack": "dev"}, **keys})


def refused(make: Callable[[], Any]) -> list[str]:
    with pytest.raises(ArgsError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


def endpoint(**keys: Any) -> GcpEndpointArgs:
    given: dict[str, Any] = {
        "scope": scope(),
        "model": MODEL,
        "model_version": "projects/p/locations/l/models/m@1",
        "capacity": InstanceCapacity(),
        "service_account": "a@p.iam.gserviceaccount.com",
        "channels": ["c"],
    }
    return GcpEndpointArgs(**{**given, **keys})


def test_numbers_out_of_range_are_told_all_at_once():
    given: dict[str, Any] = {"scope": scope(), "part": "data", "key_name": KEY}
    wrong = {"expire_after_days": 0, "noncurrent_after_days": 0, "soft_delete_days": 3}
    assert refused(lambda: GcpBucketArgs(**given, **wrong)) == list(wrong)
    assert refused(lambda: InstanceCapacity(min=0, max=1001)) == ["min", "max"]
    assert refused(lambda: InstanceCapacity(accelerator_type="NVIDIA_L4")) == ["accelerator_count"]
    assert refused(lambda: GcpFoundationArgs(scope=scope(), services=[])) == ["services"]


@pytest.mark.parametrize(
    "uri", [f"{REGISTRY}/shop/trainer:latest", f"docker.io/shop/trainer@sha256:{'0' * 64}"]
)
def test_an_image_is_in_artifact_registry_and_named_by_digest(uri: str):
    given: dict[str, Any] = {"scope": scope(), "key_name": KEY, "agents": AGENTS}
    assert refused(lambda: GcpRegistryArgs(**given, image=ImageFromDigest(image_uri=uri))) == ["image"]
    assert GcpRegistryArgs(**given, image=ImageFromDigest(image_uri=IMAGE))


def test_a_model_is_a_folder_and_its_image_has_a_digest():
    wrong = {"uri": "gs://b/model.tar.gz", "image_uri": f"{REGISTRY}/shop/trainer:1"}
    assert refused(lambda: ServedModel(name="m", sha256="0" * 64, **wrong)) == ["image_uri", "uri"]


def test_nobody_unknown_deploys():
    given: dict[str, Any] = {"scope": scope(), "data_bucket": "d", "models_bucket": "m", "agents": AGENTS}
    wrong = ["allUsers", "somebody"]
    assert refused(lambda: GcpIdentityArgs(**given, deployers=wrong)) == ["deployers", "deployers"]
    assert GcpIdentityArgs(**given, deployers=["user:a@example.com"])


def test_a_network_has_a_private_block_and_full_names():
    for block in ("10.0.0.0/8", "10.0.0.0/25", "8.8.0.0/16", "ten"):
        network = ManagedNetwork(agents=AGENTS, cidr=block)
        assert refused(lambda network=network: GcpNetworkArgs(scope=scope(), network=network)) == [
            "network.cidr"
        ]
    wrong = ExistingNetwork(agents=AGENTS, network="shop", subnet_ids=["projects/p/regions/r/subnetworks/s"])
    assert refused(lambda: GcpNetworkArgs(scope=scope(), network=wrong)) == [
        "network.network",
        "network.subnet_ids",
    ]


def test_a_cluster_has_machines_that_there_are():
    given: dict[str, Any] = {"scope": scope(), "key_name": KEY}
    wrong = {"accelerator": "L4", "accelerators": 3, "max_machines": 0, "disk_gb": 50}
    assert refused(lambda: GcpClusterArgs(**given, **wrong)) == ["accelerators", "max_machines", "disk_gb"]
    assert refused(lambda: GcpClusterArgs(**given, accelerator="L5", accelerators=1, max_machines=1)) == [
        "accelerator"
    ]


def test_prod_demands_two_machines_a_key_and_a_network():
    prod = scope("prod")
    assert refused(lambda: endpoint(scope=prod)) == ["capacity.min", "key_name", "placement"]
    assert refused(lambda: GcpModelArgs(scope=prod, model=MODEL)) == ["key_name"]
    run = {
        "training": TrainingArgs(estimator="svm", target="y"),
        "data_uri": "gs://b/a.csv",
        "data_sha256": "0" * 64,
        "image_uri": IMAGE,
        "service_account": "a@p.iam.gserviceaccount.com",
        "models_bucket": "b",
    }
    assert refused(lambda: GcpTrainingArgs(scope=prod, **run)) == ["key_name", "placement"]  # type: ignore[arg-type]
    assert refused(lambda: GcpTrainingArgs(scope=scope(), **run, accelerator_type="NVIDIA_L4")) == [  # type: ignore[arg-type]
        "accelerator_count"
    ]
    assert refused(lambda: GcpTrainingArgs(scope=scope(), **run, spot=True, persistent_resource="gpu")) == [  # type: ignore[arg-type]
        "spot"
    ]


def test_traffic_moves_in_whole_percents():
    assert refused(lambda: endpoint(rollout=Canary(kind="canary", percent=2.5))) == ["rollout"]
    assert refused(lambda: endpoint(channels=[], error_percent=101)) == ["channels", "error_percent"]


def test_alarms_and_budgets_tell_somebody():
    assert refused(lambda: GcpNotificationsArgs(scope=scope(), emails=[])) == ["emails"]
    watch: Any = None
    assert refused(
        lambda: GcpMonitoringArgs(scope=scope(), watch=watch, channels=[], log_retention_days=3651)
    ) == ["channels", "log_retention_days"]
    found = refused(
        lambda: GcpBudgetArgs(
            scope=scope(tags={}),
            project_number="1",
            billing_account="mine",
            monthly=0,
            currency="Euro",
            alert_percents=[],
            channels=[],
        )
    )
    assert found == [*("billing_account", "monthly", "currency", "alert_percents", "channels", "scope.tags")]


def test_a_long_name_leaves_room_for_digits():
    names = {
        vertex_prefix(scope(project="a" * 40, stack=stack)) for stack in ("b" * 20 + "1", "b" * 20 + "2")
    }
    assert len(names) == 2
    assert all(len(name) <= 50 for name in names)


def settings(**keys: Any) -> Settings:
    given = {
        "cloud": "gcp",
        "region": "europe-west4",
        "data": {"path": "a.csv"},
        "training": {"estimator": "svm", "target": "y"},
    }
    return Settings.model_validate({**given, **keys})


def test_apis_follow_from_what_the_settings_ask_for():
    assert not {*NETWORK_SERVICES, *BUDGET_SERVICES} & set(settings_args.services(settings()))
    budget = {"monthly": 1, "billing_account": "012345-6789AB-CDEF01"}
    assert {*NETWORK_SERVICES, *BUDGET_SERVICES} <= set(
        settings_args.services(settings(environment="prod", budget=budget))
    )


def test_prod_has_a_network_and_dev_has_none_unless_the_settings_say_so():
    def found(**keys: Any) -> Any:
        def network_of(subnet: str) -> str:
            return f"projects/p/global/networks/{subnet[0]}"

        return settings_args.network(settings(**keys), agents=AGENTS, network_of=network_of)

    assert isinstance(found(), NoNetwork)
    assert isinstance(found(environment="prod"), ManagedNetwork)
    existing = found(network={"kind": "existing", "subnets": ["a1", "a2"]})
    assert existing.network == "projects/p/global/networks/a"
    with pytest.raises(UserError, match="several networks"):
        found(network={"kind": "existing", "subnets": ["a1", "b1"]})


def test_machines_scale_only_where_they_may_become_more():
    def found(**keys: Any) -> Any:
        wished = settings(endpoint={"capacity": keys}).endpoint.capacity
        return settings_args.scaling(settings_args.capacity(wished))

    assert found(min=2) is None
    assert found(min=2, max=2) is None
    assert (found(min=2, max=3).cpu_percent, found(min=2, max=3).gpu_percent) == (60, None)
    assert found(max=3, instance_type="g2-standard-8").gpu_percent == 60
