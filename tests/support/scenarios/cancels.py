"""Ctrl-C in the middle of a run: what was begun is finished or given up, the next run goes on from there."""

from support.scenarios.happenings import cancelled, healed
from support.scenarios.programs import BLUE, RED, SAME, A, B, line, made, nothing, sized, thing, two
from support.scenarios.scenario import Scenario, Update

# The CLI's own message; the embedded engine's is "The run was cancelled".
CANCELLED = "cancelled"

CANCELS = [
    Scenario(
        name="what is being made at a Ctrl-C is finished, and nothing more is begun",
        updates=[
            Update(
                program=line("a", "b", "c"),
                before=cancelled("create", "b"),
                ops=made("a", "b"),
                state={"a": {}, "b": {}},
                fails=CANCELLED,
            ),
            Update(program=line("a", "b", "c"), ops=made("c"), state={"a": {}, "b": {}, "c": {}}),
        ],
    ),
    Scenario(
        name="what the provider gives up at a Ctrl-C is made by the next update",
        updates=[
            Update(
                program=line("a", "b", "c"),
                before=cancelled("create", "b", given_up=True),
                ops=made("a"),
                state={"a": {}},
                fails=CANCELLED,
            ),
            Update(
                program=line("a", "b", "c"),
                before=healed,
                ops=made("b", "c"),
                state={"a": {}, "b": {}, "c": {}},
            ),
        ],
    ),
    Scenario(
        name="what is being changed at a Ctrl-C is changed, the rest by the next update",
        updates=[
            Update(program=sized(1, "a", "b"), ops=made("a", "b"), state={"a": A, "b": A}),
            Update(
                program=sized(2, "a", "b"),
                before=cancelled("update", "a"),
                ops=[("update", "a")],
                state={"a": B, "b": A},
                fails=CANCELLED,
            ),
            Update(program=sized(2, "a", "b"), ops=[("update", "b")], state={"a": B, "b": B}),
        ],
    ),
    Scenario(
        name="a replacement that is being made at a Ctrl-C is made, the old thing goes with the next update",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue"),
                before=cancelled("create", "a"),
                ops=[("create-replacement", "a")],
                state={"a": {}},
                fails=CANCELLED,
            ),
            Update(program=thing(color="blue"), ops=[("delete-replaced", "a")], state={"a": BLUE}),
        ],
    ),
    Scenario(
        name="a deletion before the replacement at a Ctrl-C is finished, and the replacement made later",
        updates=[
            Update(program=thing(site="north"), ops=made("a"), state={"a": {"site": "north"}}),
            Update(
                program=thing(site="south"),
                before=cancelled("delete", "a"),
                ops=[("delete-replaced", "a")],
                state={"a": {"site": "north"}},
                fails=CANCELLED,
            ),
            Update(
                program=thing(site="south"),
                ops=[("create-replacement", "a")],
                state={"a": {"site": "south"}},
            ),
        ],
    ),
    Scenario(
        name="what is being deleted at a Ctrl-C is deleted, the rest by the next update",
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=nothing,
                before=cancelled("delete", "b"),
                ops=[("delete", "b")],
                state={"a": A},
                fails=CANCELLED,
            ),
            Update(program=nothing, ops=[("delete", "a")], state={}),
        ],
    ),
    Scenario(
        name="a destroy that is cancelled is finished by the next",
        updates=[
            Update(program=line("a", "b", "c"), ops=made("a", "b", "c"), state={"a": {}, "b": {}, "c": {}}),
            Update(
                kind="destroy",
                program=nothing,
                before=cancelled("delete", "c", given_up=True),
                ops=SAME,
                state={"a": {}, "b": {}, "c": {}},
                fails=CANCELLED,
            ),
            Update(
                kind="destroy",
                program=nothing,
                before=healed,
                ops=[("delete", "c"), ("delete", "b"), ("delete", "a")],
                state={},
            ),
        ],
    ),
]
