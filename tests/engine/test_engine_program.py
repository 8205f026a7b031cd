"""How the embedded engine runs programs: unknowns, secrets, functions, failures, refusals."""

import asyncio
import json
import sys
import threading
from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.events import Diagnostic, Event, ResourceFailed
from mlcloud.embedded.program.runner import folder_program
from mlcloud.embedded.properties.values import has_secret, is_secret, make_secret, plain
from mlcloud.embedded.state.records import PendingOperation, ResourceRecord
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
    from mlcloud.embedded.properties.values import from_struct

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


@pytest.mark.parametrize("gone", [False, True])
def test_what_was_being_deleted_when_a_run_was_cut_off_is_looked_at(stack: Stack, gone: bool) -> None:
    assert stack.up(lambda: Thing("a")).ok
    record = stack.resources["a"]
    stack.state.snapshot.pending_operations = [PendingOperation(type="deleting", resource=record)]
    if gone:
        stack.provider.things.clear()
    assert stack.up(lambda: Thing("a")).ok
    [told] = [item.message for item in stack.events if isinstance(item, Diagnostic)]
    assert "while it was deleting this resource" in told
    assert stack.ops == [("create" if gone else "same", "a")]
    assert set(stack.provider.things) == {stack.resources["a"].id}
    assert stack.state.snapshot.pending_operations == []


def test_what_was_being_changed_when_a_run_was_cut_off_is_changed_again(stack: Stack) -> None:
    assert stack.up(lambda: Thing("a", size=1)).ok
    record = stack.resources["a"]
    stack.state.snapshot.pending_operations = [PendingOperation(type="updating", resource=record)]
    next(iter(stack.provider.things.values()))["size"] = 2
    assert stack.up(lambda: Thing("a", size=1)).ok
    assert stack.ops == [("update", "a")]
    assert [thing["size"] for thing in stack.provider.things.values()] == [1]
    assert stack.up(lambda: Thing("a", size=1)).summary == {"same": 2}


def test_a_refresh_ends_the_notice_of_a_creation_that_nobody_can_find(stack: Stack) -> None:
    record = ResourceRecord(
        urn="urn:pulumi:dev::shop::test:index:Thing::a",
        type="test:index:Thing",
        custom=True,
        inputs={"size": 1, "password": make_secret("hush-hush")},
    )
    stack.state.snapshot.pending_operations = [PendingOperation(type="creating", resource=record)]
    assert stack.refresh().ok
    [told] = [item.message for item in stack.events if isinstance(item, Diagnostic)]
    assert "test:index:Thing of password: [secret], size: 1" in told
    assert stack.state.snapshot.pending_operations == []
    assert stack.refresh().ok
    assert not any(isinstance(item, Diagnostic) for item in stack.events)
