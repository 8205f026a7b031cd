"""What a stack needs of a subscription of Azure, and what is told where it has less."""

from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.azure.instances import ACCELERATORS
from mlcloud.azure.quotas import demands
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck, check_quotas
from mlcloud.core.settings import Settings
from mlcloud.provider.azure.clients import AzureError, Clients
from support.judges.azure.models import judge_answer

CONFIG = {"azure-native:subscriptionId": "s-1"}
PLACE = "/subscriptions/s-1/providers/Microsoft.MachineLearningServices/locations/westeurope"
SIZES = {
    "Standard_DS2_v2": ("standardDSv2Family", 2),
    "Standard_DS3_v2": ("standardDSv2Family", 4),
    "Standard_NC4as_T4_v3": ("Standard NCASv3_T4 Family", 4),
}
DSV2 = "Standard DSv2 Family Cluster Dedicated vCPUs"
T4 = "Standard NCASv3_T4 Family Cluster Dedicated vCPUs"
SPARE = "Total Cluster LowPriority Regional vCPUs"


class Subscription:
    """The limits of a subscription, as Azure ML's own model of a usage has them."""

    def __init__(self) -> None:
        self.limits = {DSV2: 100, T4: 0, SPARE: 10}
        self.failure: AzureError | None = None

    def usages(self) -> Iterator[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        for name, limit in self.limits.items():
            told = {"name": {"value": name, "localizedValue": name}, "limit": limit, "unit": "Count"}
            assert judge_answer("Usage", told, "usage") == []
            yield told

    def sizes(self) -> dict[str, Any]:
        told = [{"name": name, "family": family, "vCPUs": vcpus} for name, (family, vcpus) in SIZES.items()]
        assert [wrong for size in told for wrong in judge_answer("VirtualMachineSize", size, "size")] == []
        return {"value": told}


@pytest.fixture
def subscription(monkeypatch: pytest.MonkeyPatch) -> Subscription:
    told = Subscription()

    def get(self: Clients, path: str, **_options: Any) -> dict[str, Any]:
        assert path == f"{PLACE}/vmSizes"
        return told.sizes()

    def pages(self: Clients, path: str, **_options: Any) -> Iterator[dict[str, Any]]:
        assert path == f"{PLACE}/usages"
        return told.usages()

    monkeypatch.setattr(Clients, "get", get)
    monkeypatch.setattr(Clients, "pages", pages)
    return told


def settings(**more: Any) -> Settings:
    given = {
        "cloud": "azure",
        "region": "westeurope",
        "data": {"path": "a.csv"},
        "training": {"estimator": "svm", "target": "y"},
    }
    return Settings.model_validate({**given, **more})


def found(**more: Any) -> list[QuotaCheck]:
    return list(check_quotas(settings(**more), CONFIG))


def training(**compute: Any) -> dict[str, Any]:
    return {"estimator": "svm", "target": "y", "compute": compute}


def test_an_endpoint_needs_its_machines_twice_with_a_fifth_more_for_upgrades(
    subscription: Subscription,
) -> None:
    subscription.limits[DSV2] = 20
    (check,) = found(endpoint={"capacity": {"min": 1, "max": 6}})
    # A run on one machine of 4 processors; ceil(6 x 1.2) machines of 2 processors on both sides.
    assert (check.quota, check.needed, check.allowed) == (DSV2, 4 + 2 * 8 * 2, 20)
    assert check.setting == "training.compute, endpoint.capacity"
    assert check.fix == (
        f"az quota update --resource-name standardDSv2Family --resource-type dedicated --scope {PLACE} "
        "--limit-object value=36"
    )


def test_what_a_subscription_has_enough_of_needs_nothing(subscription: Subscription) -> None:
    (check,) = found()
    assert (check.missing, check.fix) == (0, "")


def test_spare_capacity_is_counted_apart_and_together(subscription: Subscription) -> None:
    run, endpoint = found(training=training(spot=True, instances=3))
    assert (run.quota, run.needed, run.missing) == (SPARE, 12, 2)
    assert "--resource-name TotalLowPriorityCores --resource-type lowPriority" in run.fix
    assert endpoint.quota == DSV2


def test_a_cluster_needs_its_familys_processors(subscription: Subscription) -> None:
    checks = found(cluster={"accelerator": "T4", "max_machines": 3}, training=training(kind="cluster"))
    cluster = next(check for check in checks if check.setting == "cluster.max_machines")
    assert (cluster.quota, cluster.needed, cluster.allowed) == (T4, 12, 0)
    assert {check.setting for check in checks} == {"cluster.max_machines", "endpoint.capacity"}


@pytest.mark.parametrize("name", [row.name for row in ACCELERATORS])
def test_every_accelerator_is_demanded_by_its_size(name: str) -> None:
    row = next(row for row in ACCELERATORS if row.name == name)
    count = max(row.instance_types)
    (_, cluster, _) = demands(settings(cluster={"accelerator": name, "accelerators": count}))
    assert cluster.instance_type == row.instance_types[count]


def test_sizes_without_head_room_need_none() -> None:
    capacity = {"instance_type": "Standard_NC24ads_A100_v4", "min": 3}
    assert demands(settings(endpoint={"capacity": capacity}))[-1].machines == 2 * 3


def test_a_size_that_the_region_lacks_and_a_quota_that_is_not_listed_are_told(
    subscription: Subscription,
) -> None:
    del subscription.limits[SPARE]
    checks = found(
        training=training(spot=True), endpoint={"capacity": {"instance_type": "Standard_NV36ads_A10_v5"}}
    )
    assert [check.allowed for check in checks] == [None, None]
    assert "lists no such quota in westeurope" in checks[0].fix
    assert "does not offer Standard_NV36ads_A10_v5 in westeurope" in checks[1].fix


def test_a_refused_look_is_told_in_azures_words(subscription: Subscription) -> None:
    subscription.failure = AzureError("GET", 403, "AuthorizationFailed", "no right to look")
    with pytest.raises(UserError, match="no right to look"):
        found()


def test_a_stack_that_names_no_subscription_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="azure-native:subscriptionId"):
        check_quotas(settings(), {})
