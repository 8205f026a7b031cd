"""Fresh names and traffic in a program, on the embedded engine: updates as people run them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.engine.engine import Result
from mlcloud.provider.azure.fresh_names import AzureFreshNames
from mlcloud.provider.azure.traffic import AzureTraffic
from mlcloud.provider.sdk import ProviderResource
from support import provider_azure_cloud as azure
from support.engine import Stack
from support.provider_azure_traffic import COLOURS, Place, make_place
from support.provider_plugin import PLUGIN


@dataclass
class AzureStack:
    """Names and traffic of a stack; the test stands in for the native endpoint and its colours."""

    cloud: azure.Cloud
    place: Place
    stack: Stack
    number: int = 1
    endpoint_inputs: str = "1"

    def program(self) -> None:
        where = {
            "subscription": azure.SUBSCRIPTION,
            "resource_group": azure.GROUP,
            "workspace": azure.WORKSPACE,
        }
        names = ProviderResource(
            AzureFreshNames, "names", {**where, "region": azure.REGION, "vault": "churn-dev-kv"}, None
        )
        inputs = {
            **where,
            "name": "churn",
            "endpoint": self.place.name,
            "deployment": COLOURS[self.number],
            "model_uri": self.place.uri(self.number),
            "model_sha256": self.place.sha256(self.number),
            "canary_percent": 10,
            "endpoint_inputs": self.endpoint_inputs,
        }
        ProviderResource(AzureTraffic, "traffic", inputs, pulumi.ResourceOptions(depends_on=[names]))

    def up(self) -> Result:
        return self.stack.up(self.program)

    def changed(self) -> list[tuple[str, str]]:
        return [(op, name) for op, name in self.stack.ops if op != "same" and not name.startswith("default")]

    @property
    def errors(self) -> str:
        return "\n".join(str(error) for error in self.stack.errors)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AzureStack]:
    with azure.running(tmp_path) as cloud:
        made = AzureStack(
            cloud,
            make_place(cloud, "dev"),
            Stack(tmp_path, provider=None, plugins={"mlcloud": PLUGIN}),
        )
        yield made
        assert made.stack.destroy().ok, made.errors
        # The colours can be deleted now.
        assert made.place.traffic() == {}


def test_a_new_colour_takes_the_traffic_and_a_second_update_changes_nothing(stack: AzureStack) -> None:
    assert stack.up().ok, stack.errors
    assert stack.place.traffic() == {"blue": 100}
    assert stack.up().ok, stack.errors
    assert stack.changed() == []

    stack.number = 2
    assert stack.up().ok, stack.errors
    assert stack.changed() == [("update", "traffic")]
    assert stack.place.splits() == [{"blue": 100}, {"green": 10, "blue": 90}, {"green": 100}]

    # A change of the endpoint has taken its traffic along.
    stack.cloud.endpoints.set_traffic(stack.place.path, {})
    stack.endpoint_inputs = "2"
    assert stack.up().ok, stack.errors
    assert stack.place.traffic() == {"green": 100}


def test_a_failed_smoke_prediction_leaves_the_old_one_serving_and_the_next_update_goes_on(
    stack: AzureStack,
) -> None:
    assert stack.up().ok, stack.errors
    stack.number = 2
    stack.place.answer(2, "nonsense")
    assert not stack.up().ok
    assert 'predicts "nonsense" for a known row' in stack.errors
    assert stack.place.traffic() == {"blue": 100}

    stack.number = 1
    assert stack.up().ok, stack.errors
    assert stack.changed() == []

    stack.number = 2
    stack.place.answer(2, "class 2")
    assert stack.up().ok, stack.errors
    assert stack.place.traffic() == {"green": 100}


def test_traffic_that_was_moved_outside_is_seen_at_refresh_and_mended(stack: AzureStack) -> None:
    assert stack.up().ok, stack.errors
    stack.cloud.endpoints.set_traffic(stack.place.path, {"green": 100})
    stack.stack.refresh()
    assert stack.up().ok, stack.errors
    assert stack.changed() == [("update", "traffic")]
    assert stack.place.traffic() == {"blue": 100}


def test_names_that_deleted_things_hold_stop_the_update_before_anything_else(stack: AzureStack) -> None:
    names = stack.cloud.names
    names.deleted[azure.WORKSPACE_ID] = names.live.pop(azure.WORKSPACE_ID)
    assert not stack.up().ok
    assert "workspace: churn-dev-ml in churn-dev was deleted" in stack.errors
    assert stack.place.splits() == []
    names.deleted.clear()
    assert stack.up().ok, stack.errors
