"""What the embedded engine refuses by name, and how a program's own errors are told."""

import asyncio
import sys
import threading
import time
from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.events import Diagnostic
from mlcloud.embedded.program.runner import check_sdk_version, folder_program
from pulumi import Output, ResourceOptions
from support.engine import Stack, Thing


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


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


def test_an_sdk_that_was_not_tested_is_refused() -> None:
    check_sdk_version("3.272.5")
    for version in ("3.271.9", "3.273.0", "4.0.0"):
        with pytest.raises(EngineError, match="run this stack with pulumi"):
            check_sdk_version(version)
