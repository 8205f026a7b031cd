"""What people see of an update: words, tree and progress."""

import io

from mlcloud.cli.display import PlainDisplay, diagnostic_line, display_for
from mlcloud.cli.tree import changes_tree, counts_of
from mlcloud.cli.words import counted, seconds, words_of
from mlcloud.embedded.events import (
    Diagnostic,
    Progress,
    PropertyChange,
    ResourceEnded,
    ResourceFailed,
    ResourceStarted,
)
from mlcloud.embedded.properties.values import UNKNOWN_TEXT
from rich.console import Console

STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"
BUCKET = "urn:pulumi:dev::p::mlcloud:local:Bucket::data"


def console() -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=False)


def printed(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def ended(
    op: str, urn: str = BUCKET, parent: str = STACK, changes: tuple[PropertyChange, ...] = ()
) -> ResourceEnded:
    type_, name = urn.split("::")[2:]
    return ResourceEnded(op=op, urn=urn, type=type_, name=name, parent=parent, changes=changes, seconds=1.25)


def rendered(events: list[ResourceEnded | ResourceFailed], *, diff: bool = False) -> str:
    target = console()
    target.print(changes_tree("dev", events, diff=diff))
    return printed(target)


class TestWords:
    def test_counts_put_what_stayed_last_and_leave_out_zeros(self) -> None:
        assert (
            counted({"same": 4, "update": 1, "create": 2, "delete": 0}) == "2 created, 1 updated, 4 unchanged"
        )

    def test_durations_are_as_fine_as_they_are_short(self) -> None:
        assert [seconds(0.44), seconds(9.94), seconds(42.4), seconds(185)] == [
            "0.4 s",
            "9.9 s",
            "42 s",
            "3 min 5 s",
        ]

    def test_an_operation_without_words_is_shown_by_its_name(self) -> None:
        assert words_of("import").done == "import"


class TestTree:
    def test_what_is_unchanged_is_shown_only_as_the_way_to_what_changes(self) -> None:
        other = BUCKET.replace("data", "idle")
        text = rendered([ended("same", STACK, ""), ended("update"), ended("same", other)])
        assert "p-dev" in text
        assert "data" in text
        assert "idle" not in text

    def test_what_a_refresh_found_as_it_was_is_not_shown(self) -> None:
        other = BUCKET.replace("data", "idle")
        text = rendered([ended("update"), ended("refresh", other)])
        assert "data" in text
        assert "idle" not in text

    def test_a_replacement_says_which_property_forced_it(self) -> None:
        change = PropertyChange(path="directory", kind="update", forces_replacement=True, old="/a", new="/b")
        text = rendered([ended("create-replacement", changes=(change,)), ended("delete-replaced")])
        assert "a new one, because directory changed" in text

    def test_values_are_shown_only_when_asked_for(self) -> None:
        changes = (PropertyChange(path="replicas", kind="update", old=1, new=2),)
        assert "1 → 2" not in rendered([ended("update", changes=changes)])
        assert "~ replicas: 1 → 2" in rendered([ended("update", changes=changes)], diff=True)

    def test_a_long_value_is_cut(self) -> None:
        changes = (PropertyChange(path="text", kind="add", new="x" * 500),)
        assert "x" * 100 not in rendered([ended("update", changes=changes)], diff=True)

    def test_of_a_long_value_both_ends_are_shown_so_that_paths_can_be_told_apart(self) -> None:
        changes = (
            PropertyChange(
                path="uri", kind="update", old="/s/" + "x" * 90 + "/a", new="/s/" + "x" * 90 + "/b"
            ),
        )
        target = Console(file=io.StringIO(), width=80, force_terminal=False)
        target.print(changes_tree("dev", [ended("update", changes=changes)], diff=True, width=80))
        (line,) = [line for line in printed(target).splitlines() if "uri:" in line]
        assert '/a" → "/s/' in line
        assert line.endswith('/b"')

    def test_what_forces_a_new_one_is_marked_and_what_is_not_known_yet_is_said(self) -> None:
        change = PropertyChange(
            path="sha256", kind="update", forces_replacement=True, old="a", new=UNKNOWN_TEXT
        )
        assert '± sha256: "a" → known later' in rendered([ended("replace", changes=(change,))], diff=True)

    def test_what_only_holds_resources_has_no_sign_and_is_not_counted(self) -> None:
        holder = "urn:pulumi:dev::p::mlcloud:index:LocalStorage::storage"
        events = [ended("create", STACK, ""), ended("create", holder), ended("create", parent=holder)]
        text = rendered([*events])
        assert "+ data" in text
        assert "+ storage" not in text and "storage" in text
        assert counts_of([*events]) == {"create": 1}

    def test_a_replacement_counts_once_and_a_look_counts_as_unchanged(self) -> None:
        other = BUCKET.replace("data", "idle")
        events = [ended("create-replacement"), ended("delete-replaced"), ended("refresh", other)]
        assert counts_of([*events]) == {"replace": 1, "same": 1}

    def test_a_failed_resource_says_so(self) -> None:
        failed = ResourceFailed(
            op="create",
            urn=BUCKET,
            type="mlcloud:local:Bucket",
            name="data",
            parent=STACK,
            message="no space",
        )
        assert "failed" in rendered([failed])


class TestPlainDisplay:
    def test_each_thing_that_happens_is_one_line_without_colours(self) -> None:
        target = console()
        started = ResourceStarted(
            op="create", urn=BUCKET, type="mlcloud:local:Bucket", name="data", parent=STACK
        )
        with PlainDisplay(target) as display:
            display.on_event(started)
            display.on_event(Progress(urn=BUCKET, message="copying 3 of 7"))
            display.on_event(ended("create"))
        lines = printed(target).splitlines()
        assert [line.strip() for line in lines] == [
            "… data               Bucket        creating",
            "data: copying 3 of 7",
            "+ data               Bucket        created  1.2 s",
        ]

    def test_what_is_done_at_once_is_one_line(self) -> None:
        target = console()
        started = ResourceStarted(
            op="create", urn=BUCKET, type="mlcloud:local:Bucket", name="data", parent=STACK
        )
        with PlainDisplay(target) as display:
            display.on_event(started)
            display.on_event(ended("create"))
        assert printed(target).count("\n") == 1

    def test_what_stays_is_looked_at_or_only_holds_resources_makes_no_line(self) -> None:
        target = console()
        with PlainDisplay(target) as display:
            display.on_event(ended("same"))
            display.on_event(ended("refresh"))
            display.on_event(ended("create", STACK, ""))
            display.on_event(ended("create", "urn:pulumi:dev::p::mlcloud:index:LocalStorage::storage"))
        assert printed(target) == ""
        assert len(display.ended) == 4

    def test_errors_wait_for_the_end_and_warnings_do_not(self) -> None:
        target = console()
        with PlainDisplay(target) as display:
            display.on_event(Diagnostic(severity="error", message="broken", urn=BUCKET))
            display.on_event(Diagnostic(severity="warning", message="close to the limit", urn=BUCKET))
        assert printed(target) == "warning: data: close to the limit\n"

    def test_a_pipe_gets_plain_lines(self) -> None:
        assert isinstance(display_for(console()), PlainDisplay)


class TestLiveDisplay:
    def test_a_terminal_sees_what_runs_and_keeps_what_is_done(self) -> None:
        target = Console(file=io.StringIO(), width=100, force_terminal=True)
        with display_for(target) as display:
            started = ResourceStarted(
                op="create", urn=BUCKET, type="mlcloud:local:Bucket", name="data", parent=STACK
            )
            display.on_event(started)
            display.on_event(Progress(urn=BUCKET, message="copying 3 of 7"))
            display.on_event(ended("create"))
        assert "created" in printed(target)


def test_the_diagnostic_of_the_stack_itself_names_no_resource() -> None:
    assert diagnostic_line(Diagnostic(severity="error", message="no", urn=STACK)).plain == "error: no"
