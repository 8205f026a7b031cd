"""The end of a stack, and what a refresh finds before it."""

from support.scenarios.happenings import breaking, broken, failing, gone, healed, observed, stolen
from support.scenarios.programs import (
    BLUE,
    RED,
    SAME,
    A,
    B,
    chain,
    in_box,
    line,
    made,
    nothing,
    options,
    provided,
    secrets,
    thing,
    two,
)
from support.scenarios.scenario import Ops, Scenario, Update

CLOSED = "the shop is closed"


def _ended(*names: str) -> Ops:
    return [("delete", name) for name in names]


ENDS = [
    Scenario(
        name="a stack that is destroyed is made again",
        updates=[
            Update(
                program=chain(color="red"),
                ops=made("a", "b", "c"),
                state={"a": RED, "b": {"color": "s1-a"}, "c": {"size": "s1-b"}},
            ),
            Update(kind="destroy", program=nothing, ops=_ended("c", "b", "a"), state={}),
            Update(kind="destroy", program=nothing, ops=SAME, state={}),
            Update(
                program=chain(color="red"),
                ops=made("a", "b", "c"),
                state={"a": RED, "b": {"color": "s2-a"}, "c": {"size": "s2-b"}},
            ),
        ],
    ),
    Scenario(
        name="a stack with something protected is not destroyed, also not in part",
        updates=[
            Update(
                program=two({**A, "opts": {"protect": True}}, B), ops=made("a", "b"), state={"a": A, "b": B}
            ),
            Update(kind="destroy", program=nothing, ops=SAME, state={"a": A, "b": B}, fails="a is protected"),
            Update(program=two(A, B), ops=SAME, state={"a": A, "b": B}),
            Update(kind="destroy", program=nothing, ops=_ended("b", "a"), state={}),
        ],
    ),
    Scenario(
        name="a destroyed stack leaves what is to be retained",
        retained=1,
        updates=[
            Update(
                program=two({**A, "opts": {"retain_on_delete": True}}, B),
                ops=made("a", "b"),
                state={"a": A, "b": B},
            ),
            Update(kind="destroy", program=nothing, ops=_ended("b", "a"), state={}),
        ],
    ),
    Scenario(
        name="a stack that was half made is destroyed",
        updates=[
            Update(
                program=line("a", "b", "c"),
                before=failing("c"),
                ops=made("a", "b"),
                state={"a": {}, "b": {}},
                fails=CLOSED,
            ),
            Update(kind="destroy", program=nothing, ops=_ended("b", "a"), state={}),
        ],
    ),
    Scenario(
        name="a destroy that fails in the middle is finished by the next",
        updates=[
            Update(program=line("a", "b", "c"), ops=made("a", "b", "c"), state={"a": {}, "b": {}, "c": {}}),
            Update(
                kind="destroy",
                program=nothing,
                before=failing("b", "delete"),
                ops=_ended("c"),
                state={"a": {}, "b": {}},
                fails=CLOSED,
            ),
            Update(kind="destroy", program=nothing, before=healed, ops=_ended("b", "a"), state={}),
        ],
    ),
    Scenario(
        name="a destroyed stack also loses the old half of a replacement",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue"),
                before=failing("a", "delete"),
                ops=[("create-replacement", "a")],
                state={"a": {}},
                fails=CLOSED,
            ),
            Update(
                kind="destroy",
                program=nothing,
                before=healed,
                ops=[{("delete", "a"), ("delete-replaced", "a")}],
                state={},
            ),
        ],
    ),
    Scenario(
        name="a destroy does not ask again for what waits for its replacement",
        updates=[
            Update(program=thing(site="north"), ops=made("a"), state={"a": {"site": "north"}}),
            Update(
                program=thing(site="south"),
                before=failing("a"),
                ops=[("delete-replaced", "a")],
                state={"a": {"site": "north"}},
                fails=CLOSED,
            ),
            Update(
                kind="destroy",
                program=nothing,
                before=healed,
                ops=[("remove-pending-replace", "a")],
                state={},
            ),
        ],
    ),
    Scenario(
        name="what does not work is destroyed, too",
        updates=[
            Update(
                program=thing(size=1),
                before=broken,
                ops=SAME,
                state={"a": A},
                fails="the lamp does not light",
            ),
            Update(kind="destroy", program=nothing, ops=_ended("a"), state={}),
        ],
    ),
    Scenario(
        name="a destroy after a refresh asks for what is left alone",
        updates=[
            Update(program=line("a", "b", "c"), ops=made("a", "b", "c"), state={"a": {}, "b": {}, "c": {}}),
            Update(
                kind="destroy",
                program=nothing,
                before=gone("b"),
                refresh=[("delete", "b")],
                ops=[{("delete", "a"), ("delete", "c")}],
                state={},
            ),
        ],
    ),
    Scenario(
        name="a destroy after everything vanished has nothing to do",
        updates=[
            Update(program=in_box, ops=made("box", "a"), state={"box": {}, "a": A}),
            Update(
                kind="destroy",
                program=nothing,
                before=stolen,
                refresh=[("delete", "a")],
                ops=_ended("box"),
                state={},
            ),
        ],
    ),
    Scenario(
        name="a provider of its own and secrets go with the stack",
        updates=[
            Update(program=provided(region="north"), ops=made("mine", "a"), state={"a": A}),
            Update(kind="destroy", program=nothing, ops=_ended("a", "mine"), state={}),
            Update(program=secrets("sesame"), ops=made("a"), state={"a": {}}),
            Update(kind="destroy", program=nothing, ops=_ended("a"), state={}),
        ],
    ),
    Scenario(
        name="what a refresh finds changed is changed back by the next update",
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=two(A, B),
                before=observed,
                refresh=[{("update", "a"), ("update", "b")}],
                ops=[("update", "a"), ("update", "b")],
                state={"a": A, "b": B},
            ),
        ],
    ),
    Scenario(
        name="what a refresh finds broken is repaired by the next update",
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=two(A, B),
                before=breaking("b"),
                refresh=[("update", "b")],
                ops=SAME,
                state={"a": A, "b": B},
                fails="the lamp does not light",
            ),
            Update(program=two(A, B), before=healed, ops=[("update", "b")], state={"a": A, "b": B}),
        ],
    ),
    Scenario(
        name="a protected thing that vanished is made again",
        updates=[
            Update(program=thing(color="blue", opts=options(protect=True)), ops=made("a"), state={"a": BLUE}),
            Update(
                program=thing(color="blue", opts=options(protect=True)),
                before=stolen,
                refresh=[("delete", "a")],
                ops=made("a"),
                state={"a": BLUE},
            ),
            Update(program=thing(color="blue"), ops=SAME, state={"a": BLUE}),
        ],
    ),
]
