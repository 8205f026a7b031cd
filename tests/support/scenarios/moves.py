"""Options, secrets, components, providers: edits that move things about, and what becomes of the state."""

import pulumi
from pulumi import Output

from support.engine import Thing
from support.scenarios.happenings import gone, painted
from support.scenarios.programs import (
    RED,
    SAME,
    A,
    B,
    exported,
    in_box,
    in_boxes,
    in_crate,
    kit,
    line,
    made,
    nothing,
    options,
    provided,
    raising,
    replaced,
    secrets,
    thing,
    two,
    two_boxes,
)
from support.scenarios.scenario import Scenario, Update

MOVES = [
    Scenario(
        name="ignored changes inside lists and of what is absent",
        updates=[
            Update(
                program=thing(tags={"all": [1, 2, 3], "own": {"x": 1}}),
                ops=made("a"),
                state={"a": {"tags": {"all": [1, 2, 3], "own": {"x": 1}}}},
            ),
            Update(
                program=thing(
                    size=5,
                    tags={"all": [1, 9, 3], "own": {"y": 1}, "new": 1},
                    opts=options(
                        ignore_changes=["tags.all[1]", "tags.own", "tags.new", "size", "tags.none.x"]
                    ),
                ),
                ops=SAME,
                state={"a": {"tags": {"all": [1, 2, 3], "own": {"x": 1}}}},
            ),
            Update(
                program=thing(
                    tags={"all": [7, 7, 7, 7], "own": {"x": 2, "y": 2}},
                    opts=options(ignore_changes=["tags.all[*]", 'tags["own"].x']),
                ),
                ops=[("update", "a")],
                state={"a": {}},
            ),
        ],
    ),
    Scenario(
        name="secrets inside inputs stay secret, and a changed one is an update",
        updates=[
            Update(program=secrets("sesame"), ops=made("a"), state={"a": {}}),
            Update(program=secrets("sesame", export=3), ops=SAME, state={"a": {}}),
            Update(program=secrets("abracadabra"), ops=[("update", "a")], state={"a": {}}),
        ],
    ),
    Scenario(
        name="a value that becomes a secret is one from then on",
        updates=[
            Update(program=exported("told"), ops=made("a"), state={"a": A}),
            Update(program=exported("hush"), ops=SAME, state={"a": A}),
            Update(
                program=lambda: Thing("a", size=Output.secret(1)),
                ops=SAME,
                state={"a": {}},
            ),
        ],
    ),
    Scenario(
        name="a component's outputs and the stack's follow the program",
        updates=[
            Update(program=kit("one", size=1), ops=made("kit", "kit-part"), state={"kit": {}, "kit-part": A}),
            Update(program=kit("two", size=1), ops=SAME, state={"kit": {}, "kit-part": A}),
            Update(
                program=kit("two", color="red", size=1),
                ops=replaced("kit-part"),
                state={"kit": {}, "kit-part": RED},
            ),
        ],
    ),
    Scenario(
        name="a thing moves from one component to another of the same type",
        updates=[
            Update(
                program=in_boxes("x", "x", "y"),
                ops=[{("create", "x"), ("create", "y")}, ("create", "a")],
                state={"x": {}, "y": {}, "a": A},
            ),
            Update(program=in_boxes("y", "y"), ops=[("delete", "x")], state={"y": {}, "a": A}),
        ],
    ),
    Scenario(
        name="a thing moves to a component of another type by its alias",
        updates=[
            Update(program=in_box, ops=made("box", "a"), state={"box": {}, "a": A}),
            Update(
                program=in_crate, ops=[("create", "crate"), ("delete", "box")], state={"crate": {}, "a": A}
            ),
        ],
    ),
    Scenario(
        name="things in components are deleted in reverse order of what they need",
        updates=[
            Update(
                program=two_boxes,
                ops=[{("create", "first"), ("create", "second")}, *made("a", "b", "c", "d")],
                state={"first": {}, "second": {}, "a": {}, "b": {}, "c": {}, "d": {}},
            ),
            Update(
                program=nothing,
                ops=[
                    ("delete", "d"),
                    ("delete", "c"),
                    ("delete", "b"),
                    {("delete", "a"), ("delete", "first"), ("delete", "second")},
                ],
                state={},
            ),
        ],
    ),
    Scenario(
        name="a provider goes with its things, last",
        updates=[
            Update(program=provided(region="north"), ops=made("mine", "a"), state={"a": A}),
            Update(program=nothing, ops=[("delete", "a"), ("delete", "mine")], state={}),
        ],
    ),
    Scenario(
        name="a provider that changes in place leaves its things, another world replaces them",
        updates=[
            Update(program=provided(region="north", realm="old"), ops=made("mine", "a"), state={"a": A}),
            Update(program=provided(region="south", realm="old"), ops=[("update", "mine")], state={"a": A}),
            Update(
                program=provided(region="south", realm="new"),
                ops=[
                    ("create-replacement", "mine"),
                    ("create-replacement", "a"),
                    ("delete-replaced", "a"),
                    ("delete-replaced", "mine"),
                ],
                state={"a": A},
            ),
        ],
    ),
    Scenario(
        name="a thing goes from the default provider to one of its own and back",
        updates=[
            Update(program=thing(size=1), ops=made("a"), state={"a": A}),
            Update(program=provided(region="north"), ops=made("mine"), state={"a": A}),
            Update(program=thing(size=1), ops=[("delete", "mine")], state={"a": A}),
            Update(
                program=provided(realm="new"),
                ops=[("create", "mine"), *replaced("a")],
                state={"a": A},
            ),
        ],
    ),
    Scenario(
        name="another version of the default provider takes over",
        updates=[
            Update(program=thing(size=1, opts=options(version="1.0.0")), ops=made("a"), state={"a": A}),
            Update(program=thing(size=1, opts=options(version="1.0.1")), ops=SAME, state={"a": A}),
        ],
    ),
    Scenario(
        name="options reach the state without an operation",
        retained=1,
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=two(
                    {
                        **A,
                        "opts": {
                            "protect": False,
                            "retain_on_delete": True,
                            "custom_timeouts": pulumi.CustomTimeouts(create="1m30s", delete="2h"),
                            "replace_on_changes": ["color"],
                            "ignore_changes": ["site"],
                            "delete_before_replace": True,
                            "additional_secret_outputs": ["serial"],
                        },
                    },
                    B,
                ),
                ops=SAME,
                state={"a": A, "b": B},
            ),
        ],
    ),
    Scenario(
        name="a program that raises deletes nothing and keeps what it declared",
        updates=[
            Update(program=line("x", "y"), ops=made("x", "y"), state={"x": {}, "y": {}}),
            Update(
                program=raising(1),
                ops=made("a"),
                state={"a": A, "x": {}, "y": {}},
                fails="not today",
            ),
            Update(
                program=thing(size=1),
                ops=[("delete", "y"), ("delete", "x")],
                state={"a": A},
            ),
        ],
    ),
    Scenario(
        name="what changed outside is taken over by a refresh",
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=two(A, B),
                before=painted,
                refresh=[{("update", "a"), ("update", "b")}],
                ops=SAME,
                state={"a": A, "b": B},
            ),
        ],
    ),
    Scenario(
        name="a thing that vanished below another one is made again",
        updates=[
            Update(program=two(A, B), ops=made("a", "b"), state={"a": A, "b": B}),
            Update(
                program=two(A, B),
                before=gone("a"),
                refresh=[("delete", "a")],
                ops=made("a"),
                state={"a": A, "b": B},
            ),
        ],
    ),
]
