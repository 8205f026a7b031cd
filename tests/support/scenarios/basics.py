"""What Pulumi does with edits of a program, as data: programs, the operations of each update, the state."""

from pulumi import Alias, ResourceOptions

from support.scenarios.happenings import broken, failing, healed, stolen
from support.scenarios.programs import (
    SAME,
    boxed,
    chain,
    line,
    moved_into_box,
    nothing,
    thing,
)
from support.scenarios.scenario import Scenario, Update

BASICS = [
    Scenario(
        name="a new thing is created, and then stays",
        updates=[
            Update(program=thing(size=1), ops=[("create", "a")], state={"a": {"size": 1}}),
            Update(program=thing(size=1), ops=SAME, state={"a": {"size": 1}}),
        ],
    ),
    Scenario(
        name="a change in place is an update",
        updates=[
            Update(program=thing(size=1), ops=[("create", "a")], state={"a": {"size": 1}}),
            Update(program=thing(size=2), ops=[("update", "a")], state={"a": {"size": 2}}),
            Update(program=thing(), ops=[("update", "a")], state={"a": {}}),
        ],
    ),
    Scenario(
        name="a replacement is created first, and the old thing is deleted last",
        updates=[
            Update(
                program=chain(color="red", site="north"),
                ops=[("create", "a"), ("create", "b"), ("create", "c")],
                state={"a": {"color": "red"}, "b": {"color": "s1-a"}, "c": {"size": "s1-b"}},
            ),
            Update(
                program=chain(color="blue", site="north"),
                ops=[
                    ("create-replacement", "a"),
                    ("create-replacement", "b"),
                    ("update", "c"),
                    ("delete-replaced", "b"),
                    ("delete-replaced", "a"),
                ],
                state={"a": {"color": "blue"}, "b": {"color": "s2-a"}, "c": {"size": "s2-b"}},
            ),
        ],
    ),
    Scenario(
        name="what cannot outlive a thing that is deleted before its replacement is deleted before it",
        updates=[
            Update(
                program=chain(site="north"),
                ops=[("create", "a"), ("create", "b"), ("create", "c")],
                state={"a": {"site": "north"}, "b": {"color": "s1-a"}, "c": {"size": "s1-b"}},
            ),
            Update(
                program=chain(site="south"),
                ops=[
                    ("delete-replaced", "b"),
                    ("delete-replaced", "a"),
                    ("create-replacement", "a"),
                    ("create-replacement", "b"),
                    ("update", "c"),
                ],
                state={"a": {"site": "south"}, "b": {"color": "s2-a"}, "c": {"size": "s2-b"}},
            ),
        ],
    ),
    Scenario(
        name="the program decides whether the deletion comes first",
        updates=[
            Update(program=thing(color="red"), ops=[("create", "a")], state={"a": {"color": "red"}}),
            Update(
                program=thing(color="blue", opts=ResourceOptions(delete_before_replace=True)),
                ops=[("delete-replaced", "a"), ("create-replacement", "a")],
                state={"a": {"color": "blue"}},
            ),
            Update(
                program=thing(color="blue", site="x", opts=ResourceOptions(delete_before_replace=False)),
                ops=[("create-replacement", "a"), ("delete-replaced", "a")],
                state={"a": {"color": "blue", "site": "x"}},
            ),
        ],
    ),
    Scenario(
        name="what is no longer declared is deleted, dependents first",
        updates=[
            Update(
                program=line("a", "b", "c", "d"),
                ops=[("create", "a"), ("create", "b"), ("create", "c"), ("create", "d")],
                state={"a": {}, "b": {}, "c": {}, "d": {}},
            ),
            Update(
                program=line("a"),
                ops=[("delete", "d"), ("delete", "c"), ("delete", "b")],
                state={"a": {}},
            ),
        ],
    ),
    Scenario(
        name="a renamed thing is found by its alias",
        updates=[
            Update(program=thing("a", size=1), ops=[("create", "a")], state={"a": {"size": 1}}),
            Update(
                program=thing("b", size=1, opts=ResourceOptions(aliases=[Alias(name="a")])),
                ops=SAME,
                state={"b": {"size": 1}},
            ),
            Update(program=thing("b", size=2), ops=[("update", "b")], state={"b": {"size": 2}}),
        ],
    ),
    Scenario(
        name="a thing that moved into a component is found by its alias",
        updates=[
            Update(program=thing("a", size=1), ops=[("create", "a")], state={"a": {"size": 1}}),
            Update(program=moved_into_box, ops=[("create", "box")], state={"a": {"size": 1}, "box": {}}),
        ],
    ),
    Scenario(
        name="the children of a renamed component follow it, also those that bear its name",
        updates=[
            Update(
                program=boxed("box-a", box="box"),
                ops=[("create", "box"), ("create", "box-a")],
                state={"box": {}, "box-a": {"size": 1}},
            ),
            Update(
                program=boxed("chest-a", box="chest", aliases=[Alias(name="box")]),
                ops=SAME,
                state={"chest": {}, "chest-a": {"size": 1}},
            ),
        ],
    ),
    Scenario(
        name="without an alias a thing in another component is another thing",
        updates=[
            Update(
                program=boxed("a", box="box"),
                ops=[("create", "box"), ("create", "a")],
                state={"box": {}, "a": {"size": 1}},
            ),
            Update(
                program=boxed("a", box="crate", crate=True),
                ops=[("create", "crate"), ("create", "a"), ("delete", "a"), ("delete", "box")],
                state={"crate": {}, "a": {"size": 1}},
            ),
        ],
    ),
    Scenario(
        name="a protected thing is neither deleted nor replaced until its protection is taken away",
        updates=[
            Update(
                program=thing(color="red", opts=ResourceOptions(protect=True)),
                ops=[("create", "a")],
                state={"a": {"color": "red"}},
            ),
            Update(program=nothing, ops=SAME, state={"a": {"color": "red"}}, fails="a is protected"),
            Update(
                program=thing(color="blue", opts=ResourceOptions(protect=True)),
                ops=SAME,
                state={"a": {"color": "red"}},
                fails="a must be replaced (color), but it is protected",
            ),
            Update(program=thing(color="red"), ops=SAME, state={"a": {"color": "red"}}),
            Update(program=nothing, ops=[("delete", "a")], state={}),
        ],
    ),
    Scenario(
        name="ignored changes are ignored, others are not",
        updates=[
            Update(
                program=thing(size=1, tags={"who": "me", "why": "x"}),
                ops=[("create", "a")],
                state={"a": {"size": 1}},
            ),
            Update(
                program=thing(
                    size=2,
                    tags={"who": "you", "why": "x"},
                    opts=ResourceOptions(ignore_changes=["tags.who", "size"]),
                ),
                ops=SAME,
                state={"a": {"size": 1, "tags": {"who": "me", "why": "x"}}},
            ),
            Update(
                program=thing(
                    size=2,
                    tags={"who": "you", "why": "y"},
                    opts=ResourceOptions(ignore_changes=["tags.who", "size"]),
                ),
                ops=[("update", "a")],
                state={"a": {"size": 1, "tags": {"who": "me", "why": "y"}}},
            ),
        ],
    ),
    Scenario(
        name="the program may have a change replace a thing that the provider would update",
        updates=[
            Update(program=thing(size=1), ops=[("create", "a")], state={"a": {"size": 1}}),
            Update(
                program=thing(size=2, opts=ResourceOptions(replace_on_changes=["size"])),
                ops=[("create-replacement", "a"), ("delete-replaced", "a")],
                state={"a": {"size": 2}},
            ),
        ],
    ),
    Scenario(
        name="after a failure in the middle the next update goes on where it stopped",
        updates=[
            Update(
                program=line("a", "b", "c"),
                before=failing("b"),
                ops=[("create", "a")],
                state={"a": {}},
                fails="the shop is closed",
            ),
            Update(
                program=line("a", "b", "c"),
                before=healed,
                ops=[("create", "b"), ("create", "c")],
                state={"a": {}, "b": {}, "c": {}},
            ),
        ],
    ),
    Scenario(
        name="a replacement whose old thing could not be deleted is finished by the next update",
        updates=[
            Update(program=thing(color="red"), ops=[("create", "a")], state={"a": {"color": "red"}}),
            Update(
                program=thing(color="blue"),
                before=failing("a", "delete"),
                ops=[("create-replacement", "a")],
                state={"a": {}},
                fails="the shop is closed",
            ),
            Update(
                program=thing(color="blue"),
                before=healed,
                ops=[("delete-replaced", "a")],
                state={"a": {"color": "blue"}},
            ),
        ],
    ),
    Scenario(
        name="a replacement that failed after the deletion is made by the next update",
        updates=[
            Update(program=thing(site="north"), ops=[("create", "a")], state={"a": {"site": "north"}}),
            Update(
                program=thing(site="south"),
                before=failing("a"),
                ops=[("delete-replaced", "a")],
                state={"a": {"site": "north"}},
                fails="the shop is closed",
            ),
            Update(
                program=thing(site="south"),
                before=healed,
                ops=[("create-replacement", "a")],
                state={"a": {"site": "south"}},
            ),
        ],
    ),
    Scenario(
        name="a thing that was made but does not work stays in the state and is repaired",
        updates=[
            Update(
                program=thing(size=1),
                before=broken,
                ops=SAME,
                state={"a": {"size": 1}},
                fails="the lamp does not light",
            ),
            Update(program=thing(size=1), before=healed, ops=[("update", "a")], state={"a": {"size": 1}}),
            Update(program=thing(size=1), ops=SAME, state={"a": {"size": 1}}),
        ],
    ),
    Scenario(
        name="what vanished is dropped by a refresh and made again",
        updates=[
            Update(program=line("a", "b"), ops=[("create", "a"), ("create", "b")], state={"a": {}, "b": {}}),
            Update(
                program=line("a", "b"),
                before=stolen,
                refresh=[{("delete", "a"), ("delete", "b")}],
                ops=[("create", "a"), ("create", "b")],
                state={"a": {}, "b": {}},
            ),
        ],
    ),
]
