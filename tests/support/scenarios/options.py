"""Options of resources: what they do to operations, and what of them is in the state."""

from collections.abc import Callable
from typing import Any

from pulumi import Alias, Output, ResourceOptions

from support.engine import Thing
from support.scenarios.programs import (
    BLUE,
    RED,
    SAME,
    A,
    B,
    Box,
    Crate,
    made,
    nothing,
    options,
    replaced,
    thing,
)
from support.scenarios.scenario import Scenario, Update


def _protecting(protect: bool | None, *, declared: bool = True) -> Callable[[], None]:
    """``a`` has its protection from the component that it is in."""

    def program() -> None:
        box = Box("box", ResourceOptions(protect=protect))
        if declared:
            Thing("a", size=1, opts=ResourceOptions(parent=box))

    return program


def _nested(outer: str, *aliases: Any) -> Callable[[], None]:
    """``a`` in a component in a component."""

    def program() -> None:
        parent = Box(outer, ResourceOptions(aliases=list(aliases)))
        inner = Crate("inner", ResourceOptions(parent=parent))
        Thing("a", size=1, opts=ResourceOptions(parent=inner))

    return program


def _diamond(**first: Any) -> Callable[[], None]:
    """``b`` and ``c`` take their color from ``a``, and ``d`` from both."""

    def program() -> None:
        a = Thing("a", **first)
        b = Thing("b", color=Output.format("b{0}", a.serial))
        c = Thing("c", color=Output.format("c{0}", a.serial))
        Thing("d", color=Output.format("{0}{1}", b.color, c.color))

    return program


def _apart(*, needed: bool) -> Callable[[], None]:
    """``b`` waits for ``a``, or does not."""

    def program() -> None:
        a = Thing("a", size=1)
        Thing("b", size=1, opts=ResourceOptions(depends_on=[a] if needed else []))

    return program


def _in_component(**given: Any) -> Callable[[], None]:
    """``b`` waits for a component, and so for the ``a`` in it."""

    def program() -> None:
        box = Box("box")
        Thing("a", opts=ResourceOptions(parent=box), **given)
        Thing("b", size=1, opts=ResourceOptions(depends_on=[box]))

    return program


def _retyped() -> None:
    Crate("box", ResourceOptions(aliases=[Alias(type_="test:index:Box")]))


OPTIONS = [
    Scenario(
        name="every change replaces a thing where the program says so",
        updates=[
            Update(program=thing(size=1, tags={"x": 1}), ops=made("a"), state={"a": A}),
            Update(
                program=thing(size=2, tags={"x": 1}, opts=options(replace_on_changes=["*"])),
                ops=replaced("a"),
                state={"a": B},
            ),
            Update(
                program=thing(size=2, tags={"x": 1}, opts=options(replace_on_changes=["*"])),
                ops=SAME,
                state={"a": B},
            ),
        ],
    ),
    Scenario(
        name="a change that replaces a thing is ignored where the program says so",
        updates=[
            Update(program=thing(color="red"), ops=made("a"), state={"a": RED}),
            Update(
                program=thing(color="blue", opts=options(ignore_changes=["color"])),
                ops=SAME,
                state={"a": RED},
            ),
            Update(program=thing(color="blue"), ops=replaced("a"), state={"a": BLUE}),
        ],
    ),
    Scenario(
        name="of a new thing no change is ignored",
        updates=[
            Update(
                program=thing(size=1, color="red", opts=options(ignore_changes=["size", "color"])),
                ops=made("a"),
                state={"a": {**A, **RED}},
            ),
            Update(
                program=thing(size=2, opts=options(ignore_changes=["*"])),
                ops=SAME,
                state={"a": {**A, **RED}},
            ),
        ],
    ),
    Scenario(
        name="a thing is renamed and changed, and renamed and replaced, at once",
        updates=[
            Update(program=thing("a", size=1), ops=made("a"), state={"a": A}),
            Update(
                program=thing("b", size=2, opts=options(aliases=[Alias(name="a")])),
                ops=[("update", "b")],
                state={"b": B},
            ),
            Update(
                program=thing("c", size=2, color="red", opts=options(aliases=[Alias(name="b")])),
                ops=replaced("c"),
                state={"c": {**B, **RED}},
            ),
        ],
    ),
    Scenario(
        name="of several aliases the one that exists counts",
        updates=[
            Update(program=thing("a", size=1), ops=made("a"), state={"a": A}),
            Update(
                program=thing(
                    "d",
                    size=1,
                    opts=options(
                        aliases=[
                            "urn:pulumi:dev::shop::test:index:Thing::c",
                            Alias(name="b"),
                            "urn:pulumi:dev::shop::test:index:Thing::a",
                        ]
                    ),
                ),
                ops=SAME,
                state={"d": A},
            ),
        ],
    ),
    Scenario(
        name="without its alias a renamed thing is another one",
        updates=[
            Update(program=thing("a", size=1), ops=made("a"), state={"a": A}),
            Update(program=thing("b", size=1), ops=[*made("b"), ("delete", "a")], state={"b": A}),
        ],
    ),
    Scenario(
        name="what is in a component in a renamed component follows it",
        updates=[
            Update(
                program=_nested("outer"),
                ops=made("outer", "inner", "a"),
                state={"outer": {}, "inner": {}, "a": A},
            ),
            Update(
                program=_nested("case", Alias(name="outer")),
                ops=SAME,
                state={"case": {}, "inner": {}, "a": A},
            ),
            Update(
                program=nothing,
                ops=[("delete", "a"), ("delete", "inner"), ("delete", "case")],
                state={},
            ),
        ],
    ),
    Scenario(
        name="a component of another type is the same by its alias",
        updates=[
            Update(program=lambda: Box("box"), ops=made("box"), state={"box": {}}),
            Update(program=_retyped, ops=SAME, state={"box": {}}),
        ],
    ),
    Scenario(
        name="protection comes from the component above",
        updates=[
            Update(program=_protecting(True), ops=made("box", "a"), state={"box": {}, "a": A}),
            Update(
                program=_protecting(True, declared=False),
                ops=SAME,
                state={"box": {}, "a": A},
                fails="a is protected",
            ),
            Update(program=_protecting(None), ops=SAME, state={"box": {}, "a": A}),
            Update(program=_protecting(None, declared=False), ops=[("delete", "a")], state={"box": {}}),
        ],
    ),
    Scenario(
        name="a diamond is replaced from its top, and its old half deleted from its bottom",
        updates=[
            Update(
                program=_diamond(color="red"),
                ops=[("create", "a"), {("create", "b"), ("create", "c")}, ("create", "d")],
                state={"a": {}, "b": {}, "c": {}, "d": {}},
            ),
            Update(
                program=_diamond(color="blue"),
                ops=[
                    ("create-replacement", "a"),
                    {("create-replacement", "b"), ("create-replacement", "c")},
                    ("create-replacement", "d"),
                    ("delete-replaced", "d"),
                    {("delete-replaced", "b"), ("delete-replaced", "c")},
                    ("delete-replaced", "a"),
                ],
                state={"a": {}, "b": {}, "c": {}, "d": {}},
            ),
            Update(
                program=nothing,
                ops=[("delete", "d"), {("delete", "b"), ("delete", "c")}, ("delete", "a")],
                state={},
            ),
        ],
    ),
    Scenario(
        name="a dependency comes and goes without an operation",
        updates=[
            Update(
                program=_apart(needed=False), ops=[{("create", "a"), ("create", "b")}], state={"a": A, "b": A}
            ),
            Update(program=_apart(needed=True), ops=SAME, state={"a": A, "b": A}),
            Update(program=_apart(needed=False), ops=SAME, state={"a": A, "b": A}),
            Update(program=nothing, ops=[{("delete", "a"), ("delete", "b")}], state={}),
        ],
    ),
    Scenario(
        name="what waits for a component waits for what is in it",
        updates=[
            Update(
                program=_in_component(color="red"),
                ops=made("box", "a", "b"),
                state={"box": {}, "a": RED, "b": A},
            ),
            Update(
                program=_in_component(color="blue"), ops=replaced("a"), state={"box": {}, "a": BLUE, "b": A}
            ),
            Update(
                program=nothing,
                ops=[("delete", "b"), ("delete", "a"), ("delete", "box")],
                state={},
            ),
        ],
    ),
    Scenario(
        name="what is to be retained and no longer declared is left alone",
        retained=1,
        updates=[
            Update(program=thing(size=1, opts=options(retain_on_delete=True)), ops=made("a"), state={"a": A}),
            Update(program=nothing, ops=[("delete", "a")], state={}),
        ],
    ),
]
