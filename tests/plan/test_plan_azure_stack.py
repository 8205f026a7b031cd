"""Stacks on Azure by their settings: what each alternative declares, and what it leaves out."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.embedded.engine.plan import Plan
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.plan import plan

ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 60))
IMAGE = f"teamregistry.azurecr.io/trainer@sha256:{'0' * 64}"
TRAINED = {
    "data": {"path": "data.csv"},
    "training": {"estimator": "svm", "target": "bought"},
    "image": IMAGE,
}
PIN = {
    "name": "shop",
    "uri": "https://elsewhere.blob.core.windows.net/models/a",
    "sha256": "0" * 64,
    "version": "v1",
}
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def found(folder: Path, **keys: Any) -> Plan:
    from mlcloud.azure.stack import build

    (folder / "data.csv").write_text(ROWS)
    notify = {"notify": ["ml-team@example.com"]}
    given = {"cloud": "azure", "region": "westeurope", "monitoring": notify, **keys}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    settings = load({f"mlcloud:{key}": text for key, text in texts.items()})
    context = StackContext.of(settings, project="shop", stack="dev", root=folder)
    providers = {**providers_for("azure"), "mlcloud": make_servicer(Engine(None))}

    def program() -> None:
        for name, value in build(settings, context).items():
            pulumi.export(name, value)

    return plan(
        program,
        providers=providers,
        folder=folder,
        config={"azure-native:subscriptionId": SUBSCRIPTION},
    )


def declared(folder: Path, **keys: Any) -> list[dict[str, Any]]:
    planned = found(folder, **keys)
    assert planned.ok, planned.diagnostics
    return planned.to_dict()["resources"]


def kinds(resources: list[dict[str, Any]]) -> Counter[str]:
    return Counter(entry["type"].rsplit(":", 1)[-1] for entry in resources)


def one(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (entry,) = (entry for entry in resources if f":{entry['type']}".endswith(f":{kind}"))
    return entry["inputs"]


def test_a_stack_by_digest_is_in_the_configs_subscription_and_builds_nothing(tmp_path: Path) -> None:
    resources = declared(tmp_path, **TRAINED)
    run = one(resources, "TrainingRun")
    assert run["subscription"] == SUBSCRIPTION
    assert not {"Image", "RegistryLogin", "Budget", "PrivateEndpoint", "Compute"} & set(kinds(resources))
    assert one(resources, "EnvironmentVersion")["properties"]["image"] == IMAGE
    uploaded = one(resources, "Blob")
    assert uploaded["key"] == f"objects/{run['dataSha256']}/data.csv"
    assert run["dataUri"].endswith(f".blob.core.windows.net/{uploaded['container']}/{uploaded['key']}")


def test_a_pinned_model_needs_no_run_and_says_when_it_lies_elsewhere(tmp_path: Path) -> None:
    planned = found(tmp_path, model=PIN, image=IMAGE)
    assert planned.ok, planned.diagnostics
    assert not {"TrainingRun", "Blob"} & set(kinds(planned.to_dict()["resources"]))
    warnings = [told.message for told in planned.diagnostics if told.severity == "warning"]
    assert any(f"azcopy copy --recursive {PIN['uri']}" in message for message in warnings)


def test_an_existing_network_is_used_and_makes_all_private(tmp_path: Path) -> None:
    subnet = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network"
        "/virtualNetworks/team/subnets/private"
    )
    resources = declared(tmp_path, **TRAINED, network={"kind": "existing", "subnets": [subnet]})
    assert not {"VirtualNetwork", "Subnet", "PrivateZone"} & set(kinds(resources))
    endpoints = [entry["inputs"] for entry in resources if entry["type"].endswith(":PrivateEndpoint")]
    assert len(endpoints) == 6
    assert {item["subnet"]["id"] for item in endpoints} == {subnet}
    assert one(resources, "OnlineEndpoint")["properties"]["publicNetworkAccess"] == "Disabled"


def test_a_run_on_the_cluster_names_it_and_its_size(tmp_path: Path) -> None:
    training = {**TRAINED["training"], "compute": {"kind": "cluster", "nodes": 2}}
    cluster = {"accelerator": "T4", "max_machines": 4, "spot": True}
    resources = declared(tmp_path, **{**TRAINED, "training": training}, cluster=cluster)
    run, machines = one(resources, "TrainingRun"), one(resources, "Compute")
    scale = machines["properties"]["properties"]["scaleSettings"]
    assert (scale["minNodeCount"], scale["maxNodeCount"]) == (0, 4)
    assert machines["properties"]["properties"]["vmPriority"] == "LowPriority"
    assert run["compute"].endswith(f"/computes/{machines['computeName']}")
    assert (run["instances"], run["spot"]) == (2, False)
    workspace = one(resources, "machinelearningservices:Workspace")
    # The machines have no address of their own, which takes a network.
    assert workspace["managedNetwork"]["isolationMode"] == "AllowInternetOutbound"
    assert workspace["publicNetworkAccess"] == "Enabled"


def test_room_for_more_machines_scales_them_and_a_budget_counts_the_group(tmp_path: Path) -> None:
    capacity = {"instance_type": "Standard_NC4as_T4_v3", "max": 3}
    resources = declared(tmp_path, **TRAINED, endpoint={"capacity": capacity}, budget={"monthly": 50})
    (profile,) = one(resources, "AutoscaleSetting")["profiles"]
    assert (profile["capacity"]["minimum"], profile["capacity"]["maximum"]) == ("1", "3")
    assert one(resources, "Budget")["scope"].endswith("/resourceGroups/shop-dev")
    deployment = next(entry for entry in resources if entry["type"].endswith(":OnlineDeployment"))
    assert deployment["ignoreChanges"] == ["sku.capacity"]


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_what_the_command_line_reads(tmp_path: Path, training: bool) -> None:
    planned = found(tmp_path, **(TRAINED if training else {"model": PIN, "image": IMAGE}))
    needed = {
        *("cloud", "account", "region", "endpoint_id", "endpoint_name", "endpoint_url", "endpoint_logs"),
        *("model_id", "model_name", "model_uri", "model_sha256", "model_version"),
        *(("metrics", "report", "training_logs", "training_run") if training else ()),
    }
    assert planned.ok, planned.diagnostics
    assert needed <= set(planned.to_dict()["outputs"])
