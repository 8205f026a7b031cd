"""Failures in the middle of an update and what mends them; chains of replacements; protection."""

from support.engine import Thing
from support.scenarios.happenings import broken, failing, healed, torn
from support.scenarios.programs import (
    BLUE,
    GREEN,
    RED,
    SAME,
    A,
    B,
    colored,
    line,
    made,
    nothing,
    options,
    replaced,
    thing,
    two,
)
from support.scenarios.scenario import Scenario, Update


def _twice() -> None:
    first = Thing("a", size=1)
    Thing("a", size=1, opts=options(depends_on=[first]))


FAILURES = [
    Scenario(
        name="inputs that are refused stop the preview and the update",
        updates=[
            Update(program=two(A, {"size": -1}), ops=made("a"), state={"a": A}, fails="must be 0 or more"),
            Update(program=two(A, B), ops=made("b"), state={"a": A, "b": B}),
            Update(program=two(A, {"size": -1}), ops=SAME, state={"a": A, "b": B}, fails="must be 0 or more"),
        ],
    ),
    Scenario(
        name="two things of one name are refused",
        updates=[
            Update(program=_twice, ops=made("a"), state={"a": A}, fails="give one of them another name"),
            Update(program=thing(size=1), ops=SAME, state={"a": A}),
        ],
    ),
    Scenario(
        name="a failed update leaves the old inputs and is tried again",
        updates=[
            Update(program=thing(size=1), ops=made("a"), state={"a": A}),
            Update(
                program=thing(size=2),
                before=failing("a", "update"),
                ops=SAME,
                state={"a": A},
                fails="the shop is closed",
            ),
            Update(program=thing(size=2), before=healed, ops=[("update", "a")], state={"a": B}),
        ],
    ),
    Scenario(
        name="a replacement that cannot be made leaves the old thing",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue"),
                before=failing("a"),
                ops=SAME,
                state={"a": RED},
                fails="the shop is closed",
            ),
            Update(program=thing(color="blue"), before=healed, ops=replaced("a"), state={"a": BLUE}),
        ],
    ),
    Scenario(
        name="an update that leaves a thing broken is in the state and is repaired",
        updates=[
            Update(program=thing(size=1), ops=made("a"), state={"a": A}),
            Update(
                program=thing(size=2), before=torn, ops=SAME, state={"a": A}, fails="the lamp does not light"
            ),
            Update(program=thing(size=2), before=healed, ops=[("update", "a")], state={"a": B}),
            Update(program=thing(size=2), ops=SAME, state={"a": B}),
        ],
    ),
    Scenario(
        name="a broken thing that is no longer declared is deleted",
        updates=[
            Update(
                program=thing(size=1),
                before=broken,
                ops=SAME,
                state={"a": A},
                fails="the lamp does not light",
            ),
            Update(program=nothing, before=healed, ops=[("delete", "a")], state={}),
        ],
    ),
    Scenario(
        name="a replacement that is broken takes the place of the old thing",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue"),
                before=torn,
                ops=SAME,
                state={"a": {}},
                fails="the lamp does not light",
            ),
            Update(
                program=thing(color="blue"),
                before=healed,
                ops=[("update", "a"), ("delete-replaced", "a")],
                state={"a": BLUE},
            ),
        ],
    ),
    Scenario(
        name="two old halves are deleted in the end",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue"),
                before=failing("a", "delete"),
                ops=[("create-replacement", "a")],
                state={"a": {}},
                fails="the shop is closed",
            ),
            Update(
                program=thing(color="green"),
                ops=[("create-replacement", "a")],
                state={"a": {}},
                fails="the shop is closed",
            ),
            Update(
                program=thing(color="green"),
                before=healed,
                ops=[("delete-replaced", "a"), ("delete-replaced", "a")],
                state={"a": GREEN},
            ),
        ],
    ),
    Scenario(
        name="a deletion that failed is tried again",
        updates=[
            Update(program=line("a", "b"), ops=made("a", "b"), state={"a": {}, "b": {}}),
            Update(
                program=nothing,
                before=failing("b", "delete"),
                ops=SAME,
                state={"a": {}, "b": {}},
                fails="the shop is closed",
            ),
            Update(program=nothing, before=healed, ops=[("delete", "b"), ("delete", "a")], state={}),
        ],
    ),
    Scenario(
        name="of a thing that waited for its replacement and is no longer declared only the record goes",
        updates=[
            Update(program=thing(site="north"), ops=made("a"), state={"a": {"site": "north"}}),
            Update(
                program=thing(site="south"),
                before=failing("a"),
                ops=[("delete-replaced", "a")],
                state={"a": {"site": "north"}},
                fails="the shop is closed",
            ),
            Update(program=nothing, before=healed, ops=[("remove-pending-replace", "a")], state={}),
        ],
    ),
    Scenario(
        name="a thing that waits for its replacement is made by any later update",
        updates=[
            Update(program=thing(site="north"), ops=made("a"), state={"a": {"site": "north"}}),
            Update(
                program=thing(site="south"),
                before=failing("a"),
                ops=[("delete-replaced", "a")],
                state={"a": {"site": "north"}},
                fails="the shop is closed",
            ),
            Update(
                program=thing(site="north"),
                before=healed,
                ops=[("create-replacement", "a")],
                state={"a": {"site": "north"}},
            ),
        ],
    ),
    Scenario(
        name="a chain that is deleted before it is replaced and stops in the middle is finished",
        updates=[
            Update(
                program=colored(site="north"),
                ops=made("a", "b", "c"),
                state={"a": {"site": "north"}, "b": {}, "c": {}},
            ),
            Update(
                program=colored(site="south"),
                before=failing("b"),
                ops=[
                    ("delete-replaced", "c"),
                    ("delete-replaced", "b"),
                    ("delete-replaced", "a"),
                    ("create-replacement", "a"),
                ],
                state={"a": {"site": "south"}, "b": {}, "c": {}},
                fails="the shop is closed",
            ),
            Update(
                program=colored(site="south"),
                before=healed,
                ops=[("create-replacement", "b"), ("create-replacement", "c")],
                state={"a": {"site": "south"}, "b": {}, "c": {}},
            ),
        ],
    ),
    Scenario(
        name="a chain that is deleted before it is replaced also takes what is no longer declared",
        updates=[
            Update(
                program=colored(site="north"),
                ops=made("a", "b", "c"),
                state={"a": {"site": "north"}, "b": {}, "c": {}},
            ),
            Update(
                program=colored(site="south", third=False),
                ops=[
                    ("delete-replaced", "c"),
                    ("delete-replaced", "b"),
                    ("delete-replaced", "a"),
                    ("create-replacement", "a"),
                    ("create-replacement", "b"),
                    ("remove-pending-replace", "c"),
                ],
                state={"a": {"site": "south"}, "b": {}},
            ),
        ],
    ),
    Scenario(
        name="what merely waits for a thing outlives its deletion before the replacement",
        updates=[
            Update(
                program=two({"site": "north"}, A),
                ops=made("a", "b"),
                state={"a": {"site": "north"}, "b": A},
            ),
            Update(
                program=two({"site": "south"}, A),
                ops=[("delete-replaced", "a"), ("create-replacement", "a")],
                state={"a": {"site": "south"}, "b": A},
            ),
        ],
    ),
    Scenario(
        name="what needed the old half of a replacement is deleted before it",
        updates=[
            Update(program=two(RED, A), ops=made("a", "b"), state={"a": RED, "b": A}),
            Update(
                program=two(BLUE, None),
                ops=[("create-replacement", "a"), ("delete", "b"), ("delete-replaced", "a")],
                state={"a": BLUE},
            ),
        ],
    ),
    Scenario(
        name="a thing to be retained is left alone when it is replaced",
        retained=3,
        updates=[
            Update(
                program=thing(color="red", opts=options(retain_on_delete=True)),
                ops=made("a"),
                state={"a": RED},
            ),
            Update(
                program=thing(color="blue", opts=options(retain_on_delete=True)),
                ops=replaced("a"),
                state={"a": BLUE},
            ),
            Update(
                program=thing(site="south", color="blue", opts=options(retain_on_delete=True)),
                ops=[("delete-replaced", "a"), ("create-replacement", "a")],
                state={"a": BLUE},
            ),
        ],
    ),
    Scenario(
        name="protection that is taken away or given with a replacement",
        updates=[
            Update(program=thing(color="red", opts=options(protect=True)), ops=made("a"), state={"a": RED}),
            Update(program=thing(color="blue"), ops=replaced("a"), state={"a": BLUE}),
            Update(
                program=thing(color="red", opts=options(protect=True)), ops=replaced("a"), state={"a": RED}
            ),
            Update(
                program=thing(color="red", site="x", opts=options(protect=True)),
                ops=SAME,
                state={"a": RED},
                fails="protect",
            ),
            Update(program=thing(color="red", opts=options(protect=False)), ops=SAME, state={"a": RED}),
        ],
    ),
    Scenario(
        name="a protected thing in the chain stops a deletion before the replacement",
        updates=[
            Update(
                program=two({"site": "north"}, {"color": "red", "opts": {"protect": True}}),
                ops=made("a", "b"),
                state={"a": {}, "b": RED},
            ),
            Update(
                program=two({"site": "south"}, {"color": "red", "opts": {"protect": True}}),
                ops=[("delete-replaced", "a"), ("create-replacement", "a")],
                state={"a": {}, "b": RED},
            ),
            Update(program=two({"site": "south"}, {"color": "red"}), ops=SAME, state={"a": {}, "b": RED}),
        ],
    ),
]
