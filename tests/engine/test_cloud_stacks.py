"""Whole cloud stacks, applied on the embedded engine with simulators: made, changed, failing, destroyed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlcloud.embedded.state.records import needs
from mlcloud.simulated.failures import FAIL_VARIABLE
from pulumi.runtime import resource
from pulumi.runtime.proto.source_pb2 import StackTrace
from support.cloud_stack import CloudStack
from support.cloud_stacks import (
    DEV,
    PROD,
    STACKS,
    Serving,
    other_hyperparameter,
    other_machine,
    other_pin,
)

Edit = Callable[[CloudStack], None]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], CloudStack]:
    """Opens a stack of its own, in a cloud of its own."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))
    # For each resource, Pulumi's SDK writes down where it was declared, the frames of the test's runner too:
    # a fifth of a run, and neither the engine nor a provider reads it.
    monkeypatch.setattr(resource, "_get_stack_trace", StackTrace)
    return lambda name: CloudStack(name, tmp_path)


def assert_nothing_lost(stack: CloudStack, *, left: frozenset[str] = frozenset()) -> None:
    """What exists is in the state, once; only what outlives its replacement may be beside it."""
    assert stack.pending == []
    orphans = stack.world.things - stack.known
    assert {urn.rsplit("::", 1)[-1] for urn, _ in orphans} <= left
    assert stack.known - stack.world.things == {}, "the state names what does not exist"
    assert max(stack.world.things.values(), default=1) == 1, "something was made twice"


@pytest.mark.parametrize("name", STACKS)
def test_all_is_made_as_planned_and_a_second_update_changes_nothing(
    name: str, opened: Callable[[str], CloudStack]
) -> None:
    stack = opened(name)
    planned = stack.preview()
    assert planned.ok
    assert stack.world.things == {}, "a preview makes nothing"
    assert stack.done() == planned.summary
    assert_nothing_lost(stack)
    inputs = {item.name: item.inputs for item in planned.resources if item.type.split(":")[0] != "pulumi"}
    for record in stack.records:
        assert {**inputs[record.name], "registries": 0} == {**record.inputs, "registries": 0}
    for run in (stack.up, stack.refresh, stack.up):
        assert set(run().summary) == {"same"}
        assert stack.world.log == []


def other_data(stack: CloudStack, folder: Path) -> None:
    """Train on one more row."""
    rows = (Path(__file__).parents[2] / stack.setting("data")["path"]).read_text().splitlines()
    (folder / "rows.csv").write_text("\n".join([*rows, rows[-1]]) + "\n")
    stack.edit(data={**stack.setting("data"), "path": str(folder / "rows.csv")})


def assert_moved(stack: CloudStack, serving: Serving, *, version: tuple[str, ...] = ()) -> None:
    """The last run made what serves anew, moved the endpoint to it, and deleted after that alone."""
    done = [name for op, name in stack.ops if op in ("create-replacement", "update")]
    anew = [*version, *serving.configuration]
    order = [*anew, serving.endpoint]
    assert [name for name in done if name in order] == order
    assert ("update", serving.endpoint) in stack.ops, "the endpoint stays and moves"
    moved = stack.ops.index(("update", serving.endpoint))
    ended = [index for index, (op, _) in enumerate(stack.ops) if op.startswith("delete")]
    assert bool(ended) == bool(anew)
    assert min(ended, default=moved + 1) > moved
    gone = {name for op, name in stack.world.log if op == "delete"}
    assert not gone & serving.retained, "what a live endpoint may refer to was deleted"
    assert_nothing_lost(stack, left=serving.retained | serving.kept)
    for name in serving.retained:
        assert stack.world.names[name] == 2, f"the {name} before is still there"


@pytest.mark.parametrize("name", DEV)
@pytest.mark.parametrize("edited", ["data", "hyperparameter"])
def test_another_model_is_trained_and_the_endpoint_moves_to_it(
    name: str, edited: str, opened: Callable[[str], CloudStack], tmp_path: Path
) -> None:
    stack, serving = opened(name), DEV[name]
    stack.done()
    before = stack.record("training-run").outputs["modelSha256"]
    if edited == "data":
        other_data(stack, tmp_path)
    else:
        other_hyperparameter(stack)
    stack.done()
    assert_moved(stack, serving, version=serving.version)
    assert stack.record("training-run").outputs["modelSha256"] != before
    changed = {item for _, item in stack.ops}
    trained = {"training-run", "model-version"} | ({"storage-data-file"} if edited == "data" else set())
    assert changed == {*trained, *serving.version, *serving.configuration, *serving.follows, serving.endpoint}
    assert set(stack.up().summary) == {"same"}


@pytest.mark.parametrize("name", PROD)
def test_another_pin_moves_the_endpoint_and_trains_nothing(
    name: str, opened: Callable[[str], CloudStack]
) -> None:
    stack, serving = opened(name), PROD[name]
    stack.done()
    other_pin(stack)
    stack.done()
    assert_moved(stack, serving, version=serving.version)
    changed = {item for _, item in stack.ops}
    version = {*serving.version} or {"model-version"}
    assert changed == {*version, *serving.configuration, *serving.follows, serving.endpoint}
    assert stack.world.names["model-version"] == 2, "a version that was live stays in the registry"


@pytest.mark.parametrize("name", STACKS)
def test_another_machine_type_moves_the_endpoint_and_sets_its_limits_in_place(
    name: str, opened: Callable[[str], CloudStack]
) -> None:
    stack, serving = opened(name), STACKS[name]
    stack.done()
    other_machine(stack, serving)
    stack.done()
    assert_moved(stack, serving)
    in_place = {*serving.sized, *serving.follows}
    assert {item for _, item in stack.ops} == {*serving.configuration, serving.endpoint, *in_place}
    assert all(("update", item) in stack.ops for item in in_place), "in place"


@pytest.mark.parametrize("name", DEV)
def test_after_a_failure_at_any_resource_the_next_update_goes_on(
    name: str, opened: Callable[[str], CloudStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = opened(name)
    total = whole.done()
    left = [item for op, item in whole.world.log if op == "create"]
    assert len(left) > 40
    while left:
        # One stack fails at one resource after another, so that each update also proves the recovery before.
        stack = opened(name)
        made: list[str] = []
        for item in list(left):
            if stack.world.names[item]:
                continue  # It was made beside one that failed: the next stack fails at it.
            monkeypatch.setenv(FAIL_VARIABLE, f"create {item}")
            assert not stack.up().ok
            assert any(f"create of {item} failed" in told for told in stack.errors)
            assert stack.world.names[item] == 0
            assert_nothing_lost(stack)
            made += [other for op, other in stack.world.log if op == "create"]
            left.remove(item)
        monkeypatch.delenv(FAIL_VARIABLE)
        stack.done()
        assert_nothing_lost(stack)
        made += [other for op, other in stack.world.log if op == "create"]
        assert sorted(made) == sorted({*made}), "something was made twice"
        assert len(made) == len(whole.records)
        assert set(stack.up().summary.items()) == {("same", total["create"])}


@pytest.mark.parametrize("name", STACKS)
def test_when_the_endpoint_does_not_move_the_old_configuration_stays_and_the_next_update_tries_again(
    name: str, opened: Callable[[str], CloudStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, serving = opened(name), STACKS[name]
    stack.done()
    endpoint = stack.record(serving.endpoint)
    serving_before = stack.world.things
    live = {thing for thing in serving_before if thing[0].rsplit("::", 1)[-1] in serving.retained}
    other_machine(stack, serving)
    monkeypatch.setenv(FAIL_VARIABLE, f"update {serving.endpoint}")
    assert not stack.up().ok
    assert stack.record(serving.endpoint).inputs == endpoint.inputs, "the state says what is live"
    assert stack.record(serving.endpoint).outputs == endpoint.outputs
    assert live <= set(stack.world.things), "what is live was deleted"
    assert [op for op, _ in stack.world.log if op == "delete"] == []
    assert_nothing_lost(stack)
    new = [stack.record(item).id for item in serving.configuration]
    monkeypatch.delenv(FAIL_VARIABLE)
    stack.done()
    assert ("update", serving.endpoint) in stack.world.log
    assert [stack.record(item).id for item in serving.configuration] == new, "it is made once"
    assert stack.record(serving.endpoint).inputs != endpoint.inputs
    assert live <= set(stack.world.things)
    assert_nothing_lost(stack, left=serving.retained | serving.kept)
    assert set(stack.up().summary) == {"same"}


@pytest.mark.parametrize("name", DEV)
def test_when_the_endpoint_does_not_move_to_another_model_the_version_before_stays(
    name: str, opened: Callable[[str], CloudStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, serving = opened(name), DEV[name]
    stack.done()
    live = stack.record("model-version")
    other_hyperparameter(stack)
    monkeypatch.setenv(FAIL_VARIABLE, f"update {serving.endpoint}")
    assert not stack.up().ok
    assert (live.urn, live.id) in stack.world.things, "the version that serves was deleted"
    assert_nothing_lost(stack)
    monkeypatch.delenv(FAIL_VARIABLE)
    stack.done()
    assert (live.urn, live.id) not in stack.world.things
    assert_nothing_lost(stack, left=serving.retained)
    assert set(stack.up().summary) == {"same"}


@pytest.mark.parametrize("name", DEV)
def test_destroy_leaves_what_is_kept_and_goes_against_the_dependencies(
    name: str, opened: Callable[[str], CloudStack]
) -> None:
    stack, serving = opened(name), DEV[name]
    stack.done()
    before = stack.records
    assert stack.destroy().ok, stack.errors
    assert stack.records == []
    kept = serving.retained | serving.stays
    assert set(stack.world.names) == kept
    gone = [item for _, item in stack.world.log]
    assert len(gone) == len(before) - len(kept)
    by_urn = {record.urn: record.name for record in before}
    for record in before:
        for needed in (by_urn[urn] for urn in needs(record) if urn in by_urn):
            if record.name in gone and needed in gone:
                assert gone.index(record.name) < gone.index(needed)
    assert stack.destroy().summary == {}


@pytest.mark.parametrize("name", DEV)
def test_a_destroy_that_fails_goes_on_where_it_stopped(
    name: str, opened: Callable[[str], CloudStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, serving = opened(name), DEV[name]
    stack.done()
    monkeypatch.setenv(FAIL_VARIABLE, f"delete {serving.endpoint}")
    assert not stack.destroy().ok
    assert_nothing_lost(stack, left=serving.retained | serving.kept | serving.stays)
    assert stack.world.names[serving.endpoint] == 1
    assert all(stack.world.names[item] for item in serving.retained), "the endpoint still needs them"
    monkeypatch.delenv(FAIL_VARIABLE)
    assert stack.destroy().ok, stack.errors
    assert set(stack.world.names) == serving.retained | serving.stays


@pytest.mark.parametrize("name", PROD)
def test_prod_is_protected_and_a_destroy_deletes_nothing(
    name: str, opened: Callable[[str], CloudStack]
) -> None:
    stack = opened(name)
    stack.done()
    before = stack.world.things.copy()
    assert not stack.destroy().ok
    assert any("protected" in told for told in stack.errors)
    assert stack.world.things == before
    assert stack.world.log == []
    assert set(stack.up().summary) == {"same"}
