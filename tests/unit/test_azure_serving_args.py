"""What Azure's components for training, serving and watching refuse, and what their arguments decide."""

import asyncio
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mlcloud.azure.budget import AzureBudgetArgs
from mlcloud.azure.capacity import InstanceCapacity
from mlcloud.azure.cluster import AzureClusterArgs
from mlcloud.azure.endpoint import AzureEndpointArgs
from mlcloud.azure.models import AzureModelArgs, ServedModel, datastore_uri
from mlcloud.azure.monitoring import AzureNotificationsArgs
from mlcloud.azure.prefixes import azureml_prefix
from mlcloud.azure.scaling import InstanceScaling, Schedule
from mlcloud.azure.training import AzureTrainingArgs
from mlcloud.core.args import TrainingArgs
from mlcloud.core.errors import ArgsError, UserError
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Canary

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
IMAGE = f"shop.azurecr.io/shop/trainer@sha256:{'0' * 64}"
URI = "https://shop.blob.core.windows.net/models/models/0f/"
MODEL = ServedModel(name="m", uri=URI, sha256="0" * 64, image_uri=IMAGE)


def scope(environment: Any = "dev", **keys: Any) -> Scope:
    given = {"project": "shop", "stack": environment, "account": SUBSCRIPTION, "region": "westeurope"}
    return Scope(**{**given, "environment": environment, **keys})


PLACE: dict[str, Any] = {"scope": scope(), "resource_group": "shop", "workspace": "shop"}


def refused(make: Callable[[], Any]) -> list[str]:
    with pytest.raises(ArgsError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


def endpoint(**keys: Any) -> AzureEndpointArgs:
    given: dict[str, Any] = {
        **PLACE,
        "log_workspace_id": "/logs",
        "model": MODEL,
        "model_version": "/version",
        "environment_id": "/environment",
        "capacity": InstanceCapacity(),
        "identity_id": "/identity",
        "action_group": "/people",
    }
    return AzureEndpointArgs(**{**given, **keys})


def test_numbers_out_of_range_are_told_all_at_once() -> None:
    wrong = {"min": 0, "max": 51, "concurrent_requests": 0, "request_timeout_s": 181, "startup_s": 9}
    assert refused(lambda: InstanceCapacity(**wrong)) == list(wrong)
    with pytest.raises(UserError, match="not the name of a machine size"):
        InstanceCapacity(instance_type="ml.m5.large")


def test_a_server_has_as_long_to_start_as_it_is_asked_whether_it_is_ready() -> None:
    capacity = InstanceCapacity(startup_s=305)
    ready, alive = capacity.readiness, capacity.liveness
    assert ready.period_s * ready.failures >= 305
    assert ready.period_s * (ready.failures - 1) < 305
    # It lives before it has loaded the model: how long that takes is no reason to start it again.
    assert alive == InstanceCapacity(startup_s=3600).liveness
    assert alive.period_s * alive.failures <= 60


def test_a_machine_takes_as_many_requests_as_the_server_does() -> None:
    assert InstanceCapacity(instance_type="Standard_DS3_v2").concurrency == 4 + 64
    assert InstanceCapacity(concurrent_requests=2).concurrency == 2


def test_a_model_is_a_folder_in_blob_storage_and_its_image_has_a_digest() -> None:
    wrong = {"uri": "https://shop.example/model.tar.gz", "image_uri": "shop.azurecr.io/trainer:1"}
    assert refused(lambda: ServedModel(name="m", sha256="0" * 64, **wrong)) == ["image_uri", "uri"]


def test_a_model_is_registered_below_the_datastore_of_its_container() -> None:
    async def found() -> str | None:
        return await datastore_uri(AzureModelArgs(**PLACE, model=MODEL)).future()

    assert asyncio.run(found()) == (
        f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/shop/workspaces/shop"
        "/datastores/models/paths/models/0f"
    )


def test_a_cluster_has_machines_that_there_are() -> None:
    given: dict[str, Any] = {**PLACE, "identity_id": "/identity"}
    wrong = {"accelerator": "T4", "accelerators": 2, "max_machines": 0, "idle_minutes": 0}
    assert refused(lambda: AzureClusterArgs(**given, **wrong)) == [
        *("accelerators", "max_machines", "idle_minutes")
    ]
    assert refused(lambda: AzureClusterArgs(**given, accelerator="L4", accelerators=1, max_machines=1)) == [
        "accelerator"
    ]


def test_prod_demands_two_machines_and_a_private_endpoint() -> None:
    assert refused(lambda: endpoint(scope=scope("prod"))) == ["capacity.min", "private"]
    assert endpoint(scope=scope("prod"), capacity=InstanceCapacity(min=2), private=True)


def test_machines_follow_something_where_they_may_become_more_and_nothing_elsewhere() -> None:
    follows = InstanceScaling(cpu_percent=60)
    assert refused(lambda: endpoint(capacity=InstanceCapacity(max=2))) == ["scaling"]
    assert refused(lambda: endpoint(scaling=follows)) == ["scaling"]
    assert endpoint(capacity=InstanceCapacity(max=2), scaling=follows)


def test_a_schedule_is_a_time_of_the_week_and_bounds_that_there_are() -> None:
    wrong: dict[str, Any] = {"days": ["Mon"], "at": "24:00", "min": 0, "max": 60}
    assert refused(lambda: Schedule(name="n", **wrong)) == list(wrong)
    assert Schedule(name="n", days=["Monday"], at="07:00", min=2, max=4)


def test_traffic_moves_in_whole_percents() -> None:
    assert refused(lambda: endpoint(rollout=Canary(kind="canary", percent=2.5))) == ["rollout"]
    assert refused(lambda: endpoint(error_percent=101, mirror_percent=51)) == [
        *("error_percent", "mirror_percent")
    ]


def test_a_run_on_a_cluster_takes_the_cluster_s_machines() -> None:
    run: dict[str, Any] = {
        **PLACE,
        "training": TrainingArgs(estimator="svm", target="y"),
        "data_uri": URI,
        "data_sha256": "0" * 64,
        "environment_id": "/environment",
        "identity_id": "/identity",
        "client_id": SUBSCRIPTION,
        "models_uri": URI,
    }
    assert refused(lambda: AzureTrainingArgs(**run, instances=0, spot=True, compute="/gpu")) == [
        *("instances", "spot")
    ]


def test_alarms_and_budgets_tell_somebody() -> None:
    assert refused(lambda: AzureNotificationsArgs(scope=scope(), resource_group="shop", emails=[])) == [
        "emails"
    ]
    given: dict[str, Any] = {"scope": scope(), "resource_group_id": "/shop", "action_group": "/people"}
    wrong = {"monthly": 0, "alert_percents": [1] * 5 + [1001], "starts": "2026-11-02"}
    assert refused(lambda: AzureBudgetArgs(**given, **wrong)) == [
        *("monthly", "alert_percents", "alert_percents[5]", "starts")
    ]


def test_a_long_name_leaves_room_for_digits() -> None:
    names = {
        azureml_prefix(scope(project="a" * 40, stack=stack)) for stack in ("b" * 20 + "1", "b" * 20 + "2")
    }
    assert len(names) == 2
    assert all(len(name) <= 50 for name in names)


def test_what_is_known_later_is_not_judged_now() -> None:
    async def made() -> ServedModel:
        later = pulumi.Output.from_input("shop.azurecr.io/trainer:1")
        return ServedModel(name="m", uri=later, sha256="0" * 64, image_uri=later)

    assert asyncio.run(made()).name == "m"
