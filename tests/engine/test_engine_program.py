"""How the embedded engine runs programs: unknowns, secrets, functions, failures, refusals."""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.backend import StateError
from mlcloud.embedded.events import Diagnostic, Event, ResourceEnded, ResourceFailed
from mlcloud.embedded.program import check_sdk_version, folder_program
from mlcloud.embedded.records import EngineError, PendingOperation, ResourceRecord
from mlcloud.embedded.values import has_secret, is_secret, plain
from pulumi import Output, ResourceOptions
from support.engine import Stack, Thing, ThingProvider
from support.waiting import LIMIT_S, eventually


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def test_what_is_not_made_yet_is_unknown_in_a_preview(stack: Stack) -> None:
    def program() -> None:
        a = Thing("a", size=1)
        Thing("b", size=a.serial, tags={"id": a.id})
        pulumi.export("serial", a.serial)
        pulumi.export("size", 1)

    plan = stack.preview(program)
    found = {item.name: item for item in plan.resources}
    assert found["b"].inputs == {"size": "[unknown]", "tags": {"id": "[unknown]"}}
    assert found["a"].outputs == {"size": 1, "serial": "[unknown]"}
    assert plan.outputs == {"serial": "[unknown]", "size": 1}
    assert stack.provider.things == {}
    assert stack.state.written == []


def test_a_second_preview_is_byte_for_byte_the_same(stack: Stack) -> None:
    def program() -> None:
        things = [Thing(f"thing-{index}", size=index) for index in range(12)]
        Thing("last", tags={"all": [thing.serial for thing in things]})
        pulumi.export("serials", Output.all(*[thing.serial for thing in things]))

    first = stack.preview(program).to_json()
    assert stack.preview(program).to_json() == first
    assert stack.up(program).ok
    again = stack.preview(program).to_json()
    assert again == stack.preview(program).to_json()
    assert json.loads(again)["summary"] == {"same": 14}


def test_a_plan_has_what_the_contract_names(stack: Stack) -> None:
    def program() -> None:
        first = Thing("first")
        options = ResourceOptions(
            depends_on=[first],
            protect=True,
            retain_on_delete=True,
            delete_before_replace=True,
            ignore_changes=["size"],
            version="1.2.3",
            aliases=[pulumi.Alias(name="old")],
        )
        Thing("a", size=1, tags={"key": Output.secret("hidden")}, opts=options)

    document = json.loads(stack.preview(program).to_json())
    urn = "urn:pulumi:dev::shop::test:index:Thing"
    assert list(document) == ["project", "stack", "engine", "resources", "summary", "outputs", "diagnostics"]
    assert (document["project"], document["stack"], document["engine"]) == ("shop", "dev", "embedded")
    assert document["summary"] == {"create": 3}
    assert next(item for item in document["resources"] if item["name"] == "a") == {
        "urn": f"{urn}::a",
        "type": "test:index:Thing",
        "name": "a",
        "custom": True,
        "op": "create",
        "inputs": {"size": 1, "tags": {"key": "[secret]"}},
        "outputs": {"size": 1, "serial": "[unknown]", "tags": {"key": "[secret]"}},
        "parent": "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
        "provider": "urn:pulumi:dev::shop::pulumi:providers:test::default_1_2_3::[unknown]",
        "version": "1.2.3",
        "dependencies": [f"{urn}::first"],
        "protect": True,
        "retainOnDelete": True,
        "deleteBeforeReplace": True,
        "ignoreChanges": ["size"],
        "aliases": [f"{urn}::old"],
    }


def test_secret_inputs_are_secret_outputs_and_secret_exports(stack: Stack) -> None:
    def program() -> None:
        a = Thing(
            "a",
            size=Output.secret(5),
            tags={"open": "x"},
            opts=ResourceOptions(additional_secret_outputs=["serial"]),
        )
        pulumi.export("size", a.size)
        pulumi.export("serial", a.serial)
        pulumi.export("tags", a.tags)

    class Forgetful(ThingProvider):
        def Create(self, request: object, context: object) -> object:
            response = super().Create(request, context)
            response.properties.update(plain(dict(json_of(response.properties))))
            return response

    stack.provider = Forgetful()
    result = stack.up(program)
    outputs = stack.resources["a"].outputs
    assert is_secret(outputs["size"]) and is_secret(outputs["serial"]) and not has_secret(outputs["tags"])
    assert result.outputs == {"size": "[secret]", "serial": "[secret]", "tags": {"open": "x"}}
    assert stack.engine is not None
    assert stack.engine.outputs(show_secrets=True) == {"size": 5, "serial": "s1", "tags": {"open": "x"}}


def json_of(struct: object) -> dict[str, object]:
    from mlcloud.embedded.values import from_struct

    return from_struct(struct)


def test_config_reaches_the_program_and_the_default_provider(stack: Stack) -> None:
    configured = []

    class Configured(ThingProvider):
        def Configure(self, request: object, context: object) -> object:
            configured.append((json_of(request.args), dict(request.variables)))
            return super().Configure(request, context)

    stack.provider = Configured()
    stack.config = {"shop:size": "3", "shop:key": "k", "test:region": "north", "test:token": "t"}
    stack.secret_keys = frozenset({"shop:key", "test:token"})

    def program() -> None:
        config = pulumi.Config()
        Thing("a", size=config.require_int("size"), tags={"key": config.require_secret("key")})

    assert stack.up(program).ok
    arguments, variables = configured[0]
    assert arguments["region"] == "north" and is_secret(arguments["token"])
    assert variables == {"test:config:region": "north", "test:config:token": "t"}
    record = stack.resources["a"]
    assert record.inputs["size"] == 3 and is_secret(record.inputs["tags"]["key"])
    assert is_secret(stack.resources["default"].inputs["token"])


def test_a_function_of_a_provider_answers_previews_and_updates(stack: Stack) -> None:
    def program() -> None:
        doubled = pulumi.runtime.invoke("test:index:double", {"number": 21}).value
        Thing("a", size=doubled["doubled"])
        output = pulumi.runtime.invoke_output("test:index:double", {"number": Thing("b", size=2).size})
        pulumi.export("twice", output.apply(lambda result: result["doubled"]))

    # The function's argument comes from a thing that does not exist yet.
    assert stack.preview(program).outputs == {"twice": "[unknown]"}
    assert stack.up(program).outputs == {"twice": 4}
    assert stack.resources["a"].inputs["size"] == 42
    assert stack.preview(program).outputs == {"twice": 4}


def test_a_function_that_fails_says_so_and_a_program_may_catch_that(stack: Stack) -> None:
    def call() -> None:
        pulumi.runtime.invoke("test:index:double", {"bad": 1})

    def careful() -> None:
        with pytest.raises(Exception, match="is not allowed"):
            call()

    assert stack.up(careful).ok
    assert not stack.up(call).ok
    assert "invoke of test:index:double failed: is not allowed (bad)" in stack.errors[0]


def test_independent_resources_are_made_at_once(stack: Stack) -> None:
    together = threading.Barrier(8, timeout=LIMIT_S)
    stack.provider.before = lambda method, _name: together.wait() if method == "create" else None
    result = stack.up(lambda: [Thing(f"thing-{index}") for index in range(8)])
    assert result.ok, stack.errors
    assert len(stack.provider.things) == 8


def test_independent_resources_are_deleted_at_once(stack: Stack) -> None:
    assert stack.up(lambda: [Thing(f"thing-{index}") for index in range(8)]).ok
    together = threading.Barrier(8, timeout=LIMIT_S)
    stack.provider.before = lambda method, _name: together.wait() if method == "delete" else None
    assert stack.destroy().ok


def test_a_failure_lets_what_runs_finish_and_begins_nothing_more(stack: Stack) -> None:
    running = threading.Event()

    def before(method: str, name: str) -> None:
        if (method, name) == ("create", "slow"):
            running.set()
            eventually(lambda: bool(stack.errors))
        if (method, name) == ("create", "bad"):
            assert running.wait(LIMIT_S)

    def program() -> None:
        slow = Thing("slow")
        bad = Thing("bad")
        Thing("after-slow", opts=ResourceOptions(depends_on=[slow]))
        Thing("after-bad", opts=ResourceOptions(depends_on=[bad]))

    stack.provider.before = before
    stack.provider.fail = {("create", "bad"): "no room\nfor it"}
    result = stack.up(program)
    assert not result.ok
    assert stack.errors == ["no room\nfor it"]
    assert "slow" in stack.resources and "after-slow" not in stack.resources
    assert ("create", "after-bad") not in stack.provider.calls
    assert stack.state.snapshot.pending_operations == []
    assert [event.name for event in stack.events if isinstance(event, ResourceFailed)] == ["bad"]
    assert stack.state.history[-1].succeeded is False


def test_nothing_is_deleted_after_a_failure(stack: Stack) -> None:
    assert stack.up(lambda: [Thing("a"), Thing("b")]).ok
    stack.provider.fail = {("create", "c"): "no"}
    assert not stack.up(lambda: Thing("c")).ok
    assert {"a", "b"} <= set(stack.resources)


def test_every_operation_is_on_record_before_it_begins(stack: Stack) -> None:
    seen = []

    def before(method: str, name: str) -> None:
        if method in {"create", "update", "delete"}:
            pending = stack.state.snapshot.pending_operations
            seen.append((method, [(item.type, item.resource.name) for item in pending]))

    stack.provider.before = before
    stack.up(lambda: Thing("a", size=1))
    stack.up(lambda: Thing("a", size=2))
    stack.destroy()
    assert seen == [
        ("create", [("creating", "a")]),
        ("update", [("updating", "a")]),
        ("delete", [("deleting", "a")]),
    ]


def test_an_interrupted_creation_is_told_of_until_the_resource_is_there(stack: Stack) -> None:
    record = ResourceRecord(
        urn="urn:pulumi:dev::shop::test:index:Thing::a", type="test:index:Thing", custom=True
    )
    stack.state.snapshot.pending_operations = [PendingOperation(type="creating", resource=record)]
    assert stack.up(lambda: None).ok
    assert [item.urn for item in stack.events if isinstance(item, Diagnostic)] == [record.urn]
    assert len(stack.state.snapshot.pending_operations) == 1
    assert stack.up(lambda: Thing("a")).ok
    assert stack.state.snapshot.pending_operations == []


def test_every_input_that_is_not_accepted_is_named_with_its_value(stack: Stack) -> None:
    assert not stack.up(lambda: Thing("a", size=-1)).ok
    assert stack.errors == ["size: must be 0 or more (it is -1)"]
    assert stack.provider.things == {}
    plan = stack.preview(lambda: Thing("a", size=Output.secret(-1)))
    assert not plan.ok
    assert [item.message for item in plan.diagnostics] == ["size: must be 0 or more (it is '[secret]')"]


def test_two_resources_of_one_name_are_refused(stack: Stack) -> None:
    assert not stack.up(lambda: [Thing("a"), Thing("a")]).ok
    assert "give one of them another name" in stack.errors[0]


def transform(args: pulumi.ResourceTransformArgs) -> None:
    return None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (lambda: ResourceOptions(import_="x"), "import_"),
        (lambda: ResourceOptions(replacement_trigger=1), "replacement_trigger"),
        (lambda: ResourceOptions(transforms=[transform]), "transforms"),
        (lambda: ResourceOptions(deleted_with=Thing("other")), "DeletedWith"),
        (lambda: ResourceOptions(replace_with=[Thing("other")]), "ReplaceWith"),
        (lambda: ResourceOptions(hide_diffs=["size"]), "hide_diffs"),
    ],
)
def test_an_unsupported_option_is_refused_by_name(stack: Stack, options: object, named: str) -> None:
    assert not stack.up(lambda: Thing("a", opts=options())).ok
    assert named in stack.errors[0] and "run this stack with pulumi" in stack.errors[0]
    assert "a" not in stack.resources


@pytest.mark.parametrize(
    ("program", "named"),
    [
        (lambda: pulumi.StackReference("organization/shop/other"), "pulumi:pulumi:StackReference"),
        (lambda: pulumi.runtime.register_resource_transform(transform), "transforms"),
        (lambda: pulumi.runtime.call("test:index:Thing/do", {}), "Call"),
        (lambda: pulumi.require_pulumi_version(">=3.0.0"), "requires Pulumi >=3.0.0"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(stack: Stack, program: object, named: str) -> None:
    assert not stack.up(program).ok
    assert named in stack.errors[0] and "run this stack with pulumi" in stack.errors[0]


def test_a_package_without_a_provider_is_refused_naming_the_resource(stack: Stack) -> None:
    result = stack.up(lambda: pulumi.CustomResource("aws:s3/bucket:Bucket", "data", {}))
    assert not result.ok
    assert stack.errors == [
        "data (aws:s3/bucket:Bucket) needs the provider 'aws', which the embedded engine does not have "
        "(it has: test); run this stack with pulumi."
    ]


def test_an_exception_of_the_program_is_a_line_that_says_where(stack: Stack) -> None:
    (stack.folder / "__main__.py").write_text("import helper\n\nhelper.build()\n")
    (stack.folder / "helper.py").write_text("def build():\n    return {}['key']\n")
    assert not stack.up(folder_program(stack.folder)).ok
    assert stack.errors == [f"The program failed: KeyError: 'key' ({stack.folder.name}/helper.py:2)"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SystemExit(3), "The program ended with the exit code 3."),
        (SystemExit("no data"), "no data"),
        (asyncio.CancelledError("too slow"), "The program failed: CancelledError: too slow"),
    ],
)
def test_a_program_that_ends_itself_is_told_in_a_line(stack: Stack, error: BaseException, told: str) -> None:
    def program() -> None:
        Thing("a")
        raise error

    assert not stack.up(program).ok
    assert stack.errors == [told]


def test_the_last_line_that_a_program_prints_needs_no_end(stack: Stack) -> None:
    assert stack.up(lambda: sys.stdout.write("one\ntwo")).ok
    assert [item.message for item in stack.events if isinstance(item, Diagnostic)] == ["one", "two"]


def test_of_two_programs_in_one_process_the_second_waits(tmp_path: Path) -> None:
    running: list[str] = []
    stacks = {name: Stack(tmp_path / name) for name in ("one", "two")}

    def program_of(name: str) -> None:
        running.append(name)
        assert Path.cwd().name == name
        time.sleep(0.05)
        sys.stdout.write(f"{name}\n")
        pulumi.export("name", Thing(name).serial.apply(lambda _serial: name))
        assert running[-1] == name

    def up(name: str) -> None:
        stacks[name].folder.mkdir()
        stacks[name].up(lambda: program_of(name))

    threads = [threading.Thread(target=up, args=(name,)) for name in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, stack in stacks.items():
        assert stack.errors == []
        assert stack.engine is not None and stack.engine.outputs() == {"name": name}
        assert [item.message for item in stack.events if isinstance(item, Diagnostic)] == [name]


def test_an_exception_inside_an_apply_is_a_line_that_says_where(stack: Stack) -> None:
    (stack.folder / "__main__.py").write_text(
        "import pulumi\n\n\ndef divide(number):\n    return 1 / number\n\n\n"
        "pulumi.export('x', pulumi.Output.from_input(0).apply(divide))\n"
    )
    assert not stack.up(folder_program(stack.folder)).ok
    assert stack.errors == [
        f"The program failed: ZeroDivisionError: division by zero ({stack.folder.name}/__main__.py:5)"
    ]


def test_a_failing_program_keeps_resources_and_outputs_of_the_last_update(stack: Stack) -> None:
    def good() -> None:
        pulumi.export("serial", Thing("a").serial)

    def bad() -> None:
        pulumi.export("other", 1)
        raise pulumi.RunError("not today")

    assert stack.up(good).ok
    assert not stack.up(bad).ok
    assert stack.errors == ["not today"]
    assert stack.engine is not None and stack.engine.outputs() == {"serial": "s1"}
    assert "a" in stack.resources


def test_programs_run_one_after_another_in_one_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "values_of_it.py").write_text(f"NAME = {name!r}\n")
        (folder / "__main__.py").write_text(
            "import os, pulumi, values_of_it\n"
            "pulumi.export('name', values_of_it.NAME)\n"
            "pulumi.export('folder', os.path.basename(os.getcwd()))\n"
            "pulumi.export('stack', pulumi.get_project() + '/' + pulumi.get_stack())\n"
        )
    before = Path.cwd(), list(sys.path)
    for name in ("one", "two", "one"):
        stack = Stack(tmp_path / name)
        assert stack.up(folder_program(stack.folder)).outputs == {
            "name": name,
            "folder": name,
            "stack": "shop/dev",
        }
    assert (Path.cwd(), sys.path) == before
    assert "values_of_it" not in sys.modules
    assert pulumi.runtime.get_root_resource() is None


def test_an_engine_works_where_an_event_loop_was_left_behind(stack: Stack) -> None:
    loop = asyncio.new_event_loop()
    try:
        assert stack.up(lambda: Thing("a")).ok
    finally:
        loop.close()


def test_what_a_program_prints_and_logs_becomes_events(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    def program() -> None:
        print("printed")  # noqa: T201
        pulumi.log.warn("logged", Thing("a"))

    stack.up(program)
    told = [(item.severity, item.message) for item in stack.events if isinstance(item, Diagnostic)]
    assert sorted(told) == [("info", "printed"), ("warning", "logged")]
    assert capsys.readouterr().out == ""


def test_what_a_listener_prints_is_not_taken_for_the_programs(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    class PrintingList(list[Event]):
        def append(self, event: Event) -> None:
            print(type(event).__name__)  # noqa: T201
            super().append(event)

    stack.events = PrintingList()
    assert stack.up(lambda: Thing("a")).ok
    assert not any(isinstance(item, Diagnostic) for item in stack.events)
    assert capsys.readouterr().out.count("ResourceEnded") == 2


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
            assert stack.provider.cancelled.wait(10)

    def program() -> None:
        Thing("b", opts=ResourceOptions(depends_on=[Thing("a")]))

    stack.provider.before = before
    result = stack.up(program)
    assert not result.ok
    assert "a" in stack.resources and "b" not in stack.resources
    assert stack.errors == ["The run was cancelled; what was done is in the state."]


def test_a_stack_of_ten_resources_is_looked_at_again_in_no_time(stack: Stack) -> None:
    def program() -> None:
        for index in range(10):
            Thing(f"thing-{index}", size=index)

    assert stack.up(program).ok
    result = stack.up(program)
    assert result.summary == {"same": 11}
    assert result.duration_s < 1
    assert len(stack.state.written) == 24, "an update without changes writes nothing"


def test_an_sdk_that_was_not_tested_is_refused() -> None:
    check_sdk_version("3.272.5")
    for version in ("3.271.9", "3.273.0", "4.0.0"):
        with pytest.raises(EngineError, match="run this stack with pulumi"):
            check_sdk_version(version)
