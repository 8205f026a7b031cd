"""What a preview cannot know yet, what is secret, and both at once; functions of a provider among them."""

from collections.abc import Callable
from typing import Any

import pulumi
from pulumi import InvokeOutputOptions, Output, ResourceOptions

from support.engine import Thing
from support.scenarios.programs import RED, SAME, A, B, made, replaced
from support.scenarios.programs import TestProvider as Provider
from support.scenarios.scenario import Scenario, Update

DOUBLE = "test:index:double"
SECRET, UNKNOWN = "[secret]", "[unknown]"


def _needing(**first: Any) -> Callable[[], None]:
    """``b`` has inputs that are known once ``a`` is made."""

    def program() -> None:
        a = Thing("a", **first)
        Thing("b", size=a.serial, tags={"id": a.id, "list": ["x", a.serial]})
        pulumi.export("serial", a.serial)
        pulumi.export("deep", {"of": [a.serial, 1]})
        pulumi.export("size", a.size)

    return program


def _mixed(word: str) -> None:
    """Secrets and what is not known yet, in one value and side by side."""
    a = Thing("a", tags={"key": Output.secret(word)})
    both = Output.all(a.serial, Output.secret(word)).apply("-".join)
    Thing("b", color=both, tags={"open": a.serial, "hidden": Output.secret(a.serial)})
    pulumi.export("both", both)
    pulumi.export("key", a.tags)
    pulumi.export("told", Output.unsecret(Output.secret(word)))
    pulumi.export("hidden", Output.secret({"serial": a.serial}))


def _passed_on(word: str, *, named: bool = True) -> Callable[[], None]:
    """An output that the program calls secret is one wherever it goes."""

    def program() -> None:
        names = ["serial"] if named else []
        a = Thing("a", size=word, opts=ResourceOptions(additional_secret_outputs=names))
        b = Thing("b", tags={"of": a.serial})
        pulumi.export("tags", b.tags)
        pulumi.export("length", a.serial.apply(len))

    return program


def _known_later(size: int) -> Callable[[], None]:
    """``b`` is declared only once the serial of ``a`` is known."""

    def program() -> None:
        Thing("a", size=size).serial.apply(lambda _serial: Thing("b", size=size))

    return program


def _secret_region(region: str) -> Callable[[], None]:
    def program() -> None:
        provider = Provider("mine", region=Output.secret(region))
        Thing("a", size=1, opts=ResourceOptions(provider=provider))
        pulumi.export("region", provider.region if hasattr(provider, "region") else None)

    return program


def _doubled(number: int) -> Callable[[], None]:
    """A function is called at once, and its answer is an input."""

    def program() -> None:
        answer = pulumi.runtime.invoke(DOUBLE, {"number": number}).value
        Thing("a", size=answer["doubled"])
        pulumi.export("doubled", answer["doubled"])

    return program


def _doubled_later(size: int) -> Callable[[], None]:
    """A function is called with what is known once ``a`` is made."""

    def program() -> None:
        a = Thing("a", size=size)
        later = a.serial.apply(lambda serial: int(serial[1]))
        answer = pulumi.runtime.invoke_output(DOUBLE, {"number": later})
        Thing("b", size=answer.apply(lambda told: told["doubled"]))
        pulumi.export("doubled", answer.apply(lambda told: told["doubled"]))

    return program


def _doubled_after(size: int) -> Callable[[], None]:
    """A function waits for ``a``, of which it takes nothing."""

    def program() -> None:
        a = Thing("a", size=size)
        answer = pulumi.runtime.invoke_output(DOUBLE, {"number": 4}, InvokeOutputOptions(depends_on=[a]))
        pulumi.export("doubled", answer.apply(lambda told: told["doubled"]))

    return program


def _doubled_in_secret() -> None:
    answer = pulumi.runtime.invoke_output(DOUBLE, {"number": Output.secret(4)})
    doubled = answer.apply(lambda told: told["doubled"])
    Thing("a", size=doubled)
    pulumi.export("doubled", doubled)


def _doubled_by_its_own() -> None:
    provider = Provider("mine", region="north")
    answer = pulumi.runtime.invoke_output(
        DOUBLE, {"number": 5}, pulumi.InvokeOutputOptions(provider=provider)
    )
    pulumi.export("doubled", answer.apply(lambda told: told["doubled"]))


def _refused(*, caught: bool) -> Callable[[], None]:
    """A function that does not accept its arguments, after ``a`` is declared."""

    def program() -> None:
        Thing("a", size=1)
        try:
            pulumi.runtime.invoke(DOUBLE, {"bad": 1})
        except Exception:
            if not caught:
                raise

    return program


UNKNOWNS = [
    Scenario(
        name="what is made first is unknown in a preview, and known in the next",
        updates=[
            Update(
                program=_needing(size=1),
                ops=made("a", "b"),
                state={"a": A, "b": {"size": "s1-a"}},
                shows={"serial": UNKNOWN, "deep": {"of": [UNKNOWN, 1]}, "size": 1},
            ),
            Update(
                program=_needing(size=2),
                ops=[("update", "a")],
                state={"a": B, "b": {"size": "s1-a"}},
                shows={"serial": "s1-a", "deep": {"of": ["s1-a", 1]}, "size": 2},
            ),
            Update(
                program=_needing(size=2, color="red"),
                ops=[("create-replacement", "a"), ("update", "b"), ("delete-replaced", "a")],
                state={"a": RED, "b": {"size": "s2-a"}},
                shows={"serial": UNKNOWN, "deep": {"of": [UNKNOWN, 1]}, "size": 2},
            ),
        ],
    ),
    Scenario(
        name="what is secret and unknown at once is shown as a secret",
        updates=[
            Update(program=lambda: _mixed("sesame"), ops=made("a", "b"), state={"a": {}, "b": {}}),
            Update(program=lambda: _mixed("sesame"), ops=SAME, state={"a": {}, "b": {}}),
            Update(
                program=lambda: _mixed("abracadabra"),
                ops=[("update", "a"), *replaced("b")],
                state={"a": {}, "b": {}},
            ),
        ],
    ),
    Scenario(
        name="a secret output is a secret in all that is made of it",
        updates=[
            Update(program=_passed_on("x"), ops=made("a", "b"), state={"a": {}, "b": {}}),
            Update(program=_passed_on("y"), ops=[("update", "a")], state={"a": {}, "b": {}}),
        ],
    ),
    Scenario(
        name="an output that was made without being secret becomes one",
        updates=[
            Update(program=_passed_on("x", named=False), ops=made("a", "b"), state={"a": {}, "b": {}}),
            Update(program=_passed_on("x"), ops=SAME, state={"a": {}, "b": {}}),
            Update(program=_passed_on("y"), ops=[("update", "a")], state={"a": {}, "b": {}}),
            Update(program=_passed_on("y", named=False), ops=SAME, state={"a": {}, "b": {}}),
        ],
    ),
    Scenario(
        name="what a program declares once it knows a value is not in the first preview",
        updates=[
            Update(
                program=_known_later(1),
                ops=made("a", "b"),
                state={"a": A, "b": A},
                foreseen={"create": 2},
            ),
            Update(program=_known_later(2), ops=[{("update", "a"), ("update", "b")}], state={"a": B, "b": B}),
        ],
    ),
    Scenario(
        name="the secret of a provider stays secret",
        updates=[
            Update(program=_secret_region("north"), ops=made("mine", "a"), state={"a": A}),
            Update(program=_secret_region("south"), ops=[("update", "mine")], state={"a": A}),
        ],
    ),
    Scenario(
        name="what a function answers is an input, and another answer a change",
        updates=[
            Update(program=_doubled(1), ops=made("a"), state={"a": B}, shows={"doubled": 2}),
            Update(program=_doubled(1), ops=SAME, state={"a": B}, shows={"doubled": 2}),
            Update(program=_doubled(2), ops=[("update", "a")], state={"a": {"size": 4}}),
        ],
    ),
    Scenario(
        name="a function of what is not known yet is not called in a preview",
        updates=[
            Update(
                program=_doubled_later(1),
                ops=made("a", "b"),
                state={"a": A, "b": B},
                shows={"doubled": UNKNOWN},
            ),
            Update(program=_doubled_later(1), ops=SAME, state={"a": A, "b": B}, shows={"doubled": 2}),
            Update(
                program=_doubled_later(2), ops=[("update", "a")], state={"a": B, "b": B}, shows={"doubled": 2}
            ),
        ],
    ),
    Scenario(
        name="a function that waits for a thing is not called before that is made",
        updates=[
            Update(program=_doubled_after(1), ops=made("a"), state={"a": A}, shows={"doubled": UNKNOWN}),
            Update(program=_doubled_after(1), ops=SAME, state={"a": A}, shows={"doubled": 8}),
        ],
    ),
    Scenario(
        name="what a function makes of a secret is a secret",
        updates=[
            Update(program=_doubled_in_secret, ops=made("a"), state={"a": {}}, shows={"doubled": SECRET}),
            Update(program=_doubled_in_secret, ops=SAME, state={"a": {}}, shows={"doubled": SECRET}),
        ],
    ),
    Scenario(
        name="a function is asked of the provider that the program names",
        updates=[
            Update(program=_doubled_by_its_own, ops=made("mine"), state={}),
            Update(program=_doubled_by_its_own, ops=SAME, state={}, shows={"doubled": 10}),
        ],
    ),
    Scenario(
        name="a function that refuses its arguments ends the program, unless that is caught",
        updates=[
            Update(
                program=_refused(caught=False),
                ops=made("a"),
                state={"a": A},
                fails="bad",
            ),
            Update(program=_refused(caught=True), ops=SAME, state={"a": A}),
        ],
    ),
]
