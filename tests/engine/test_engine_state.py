"""What the embedded engine takes into the state and hands to providers: changes, refreshes, cancellation."""

from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.events import Diagnostic, ResourceEnded
from mlcloud.embedded.state.backend import StateError
from pulumi import Output, ResourceOptions
from support.engine import Stack, Thing, ThingProvider


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def json_of(struct: object) -> dict[str, object]:
    from mlcloud.embedded.properties.values import from_struct

    return from_struct(struct)


def test_changes_are_told_with_what_forces_a_replacement(stack: Stack) -> None:
    stack.up(lambda: Thing("a", color="red", size=Output.secret(1), tags={"x": 1}))
    stack.up(lambda: Thing("a", color="blue", size=Output.secret(2), tags={"y": 2}))
    event = next(
        item for item in stack.events if isinstance(item, ResourceEnded) and item.op == "create-replacement"
    )
    assert [
        (item.path, item.kind, item.forces_replacement, item.old, item.new) for item in event.changes
    ] == [
        ("color", "update", True, "red", "blue"),
        ("size", "update", False, "[secret]", "[secret]"),
        ("tags.x", "delete", False, 1, None),
        ("tags.y", "add", False, None, 2),
    ]


def test_a_refresh_takes_what_changed_outside_into_the_state(stack: Stack) -> None:
    stack.up(lambda: Thing("a", size=1))
    for item in stack.provider.things.values():
        item["size"] = 7
    result = stack.refresh()
    assert result.summary == {"same": 1, "update": 1}
    assert stack.resources["a"].outputs["size"] == 7
    event = next(item for item in stack.events if isinstance(item, ResourceEnded) and item.op == "update")
    assert [(item.path, item.old, item.new) for item in event.changes] == [("size", 1, 7)]
    assert stack.refresh().summary == {"same": 2}


def test_a_refresh_warns_of_what_does_not_work_and_the_next_update_repairs_it(stack: Stack) -> None:
    stack.up(lambda: Thing("a", size=1))
    stack.provider.broken = {"a": "the lamp does not light"}
    assert stack.refresh().ok
    [warning] = [item for item in stack.events if isinstance(item, Diagnostic)]
    assert (warning.severity, warning.message) == (
        "warning",
        "is there, but does not work: the lamp does not light",
    )
    stack.provider.broken = {}
    assert stack.up(lambda: Thing("a", size=1)).summary == {"same": 1, "update": 1}
    assert stack.resources["a"].init_errors == []


def test_a_state_that_cannot_be_written_stops_the_update_before_anything_is_made(stack: Stack) -> None:
    def refuse(_snapshot: object) -> None:
        raise StateError("the disk is full")

    stack.state.write = refuse
    result = stack.up(lambda: [Thing("a"), Thing("b")])
    assert not result.ok
    assert set(stack.errors) == {"the disk is full"}
    assert stack.provider.things == {}


def test_a_history_that_cannot_be_written_does_not_undo_the_update(stack: Stack) -> None:
    def refuse(_update: object) -> None:
        raise StateError("the disk is full")

    stack.state.add_history = refuse
    result = stack.up(lambda: Thing("a"))
    assert result.ok and "a" in stack.resources
    assert [(item.severity, item.message) for item in result.diagnostics] == [("warning", "the disk is full")]


def test_a_resource_to_be_retained_leaves_the_state_alone(stack: Stack) -> None:
    stack.up(lambda: Thing("a", opts=ResourceOptions(retain_on_delete=True)))
    assert stack.up(lambda: None).summary == {"delete": 1, "same": 1}
    assert "a" not in stack.resources and len(stack.provider.things) == 1


def test_children_inherit_protection_and_provider(stack: Stack) -> None:
    class Box(pulumi.ComponentResource):
        pass

    class TestProvider(pulumi.ProviderResource):
        def __init__(self, name: str, region: str) -> None:
            super().__init__("test", name, {"region": region})

    def program() -> None:
        provider = TestProvider("mine", "north")
        box = Box("test:index:Box", "box", opts=ResourceOptions(protect=True, providers=[provider]))
        Thing("a", opts=ResourceOptions(parent=box))
        Thing("b", opts=ResourceOptions(parent=box, protect=False))

    assert stack.up(program).ok
    assert stack.resources["a"].protect and not stack.resources["b"].protect
    assert "::mine::" in stack.resources["a"].provider
    assert "default" not in stack.resources
    assert stack.up(program).summary == {"same": 5}


def test_each_provider_instance_has_its_own_configuration(stack: Stack) -> None:
    class Regional(ThingProvider):
        def Configure(self, request: object, context: object) -> object:
            self.region = json_of(request.args)["region"]
            return super().Configure(request, context)

        def Create(self, request: object, context: object) -> object:
            request.properties.update({"region": self.region})
            return super().Create(request, context)

    class TestProvider(pulumi.ProviderResource):
        def __init__(self, name: str, region: str) -> None:
            super().__init__("test", name, {"region": region})

    def program() -> None:
        for region in ("north", "south"):
            thing = Thing(
                f"in-{region}", region=None, opts=ResourceOptions(provider=TestProvider(region, region))
            )
            pulumi.export(region, thing.region)

    stack.provider = Regional
    assert stack.up(program).outputs == {"north": "north", "south": "south"}


def test_custom_timeouts_reach_the_provider(stack: Stack) -> None:
    def program() -> None:
        timeouts = pulumi.CustomTimeouts(create="1m30s", delete="2h")
        Thing("a", opts=ResourceOptions(custom_timeouts=timeouts))

    stack.up(program)
    stack.destroy()
    found = {
        method: request.timeout
        for method, request in stack.provider.requests
        if method in {"create", "delete"}
    }
    assert found == {"create": 90.0, "delete": 7200.0}


def test_a_cancelled_run_tells_the_provider_and_begins_nothing_more(stack: Stack) -> None:
    def before(method: str, name: str) -> None:
        if (method, name) == ("create", "a"):
            assert stack.engine is not None
            stack.engine.cancel()
            assert stack.provider.cancelled.wait(90)

    def program() -> None:
        Thing("b", opts=ResourceOptions(depends_on=[Thing("a")]))

    stack.provider.before = before
    result = stack.up(program)
    assert not result.ok
    assert "a" in stack.resources and "b" not in stack.resources
    assert stack.errors == ["The run was cancelled; what was done is in the state."]


def test_a_cancelled_replacement_whose_old_half_is_deleted_is_made_by_the_next_update(stack: Stack) -> None:
    def before(method: str, _name: str) -> None:
        if method == "delete":
            assert stack.engine is not None
            stack.engine.cancel()

    stack.up(lambda: Thing("a", site="north"))
    stack.provider.before = before
    assert not stack.up(lambda: Thing("a", site="south")).ok
    assert stack.ops == [("delete-replaced", "a")]
    assert stack.provider.things == {} and stack.resources["a"].pending_replacement
    assert stack.up(lambda: Thing("a", site="south")).summary == {"replace": 1, "same": 1}


def test_a_stack_of_ten_resources_is_looked_at_again_in_no_time(stack: Stack) -> None:
    def program() -> None:
        for index in range(10):
            Thing(f"thing-{index}", size=index)

    assert stack.up(program).ok
    results = [stack.up(program) for _ in range(5)]
    assert [result.summary for result in results] == [{"same": 11}] * 5
    # The best of some, for this machine is shared.
    assert min(result.duration_s for result in results) < 1
    assert len(stack.state.written) == 24, "an update without changes writes nothing"
