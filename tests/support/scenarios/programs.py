"""Programs of the test provider's things: plain functions, so that any engine can run them."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi import Alias, ComponentResource, Output, ProviderResource, ResourceOptions

from support.engine import Thing
from support.scenarios.scenario import Ops


class Box(ComponentResource):
    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("test:index:Box", name, None, opts)


class Crate(ComponentResource):
    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("test:index:Crate", name, None, opts)


def thing(name: str = "a", *, opts: ResourceOptions | None = None, **props: Any) -> Callable[[], Any]:
    """A program with one thing."""
    return lambda: Thing(name, opts=opts, **props)


def nothing() -> None:
    """A program that declares nothing."""


def chain(*, site: str = "north", third: bool = True, **first: Any) -> Callable[[], None]:
    """``b`` has its color from ``a`` and so cannot outlive it; ``c`` has its size from ``b`` and can."""

    def program() -> None:
        a = Thing("a", site=site, **first)
        b = Thing("b", color=Output.format("{0}", a.serial))
        if third:
            Thing("c", size=b.serial)

    return program


def line(*names: str) -> Callable[[], None]:
    """Things that each depend on the one before."""

    def program() -> None:
        last: list[Thing] = []
        for name in names:
            last = [Thing(name, opts=ResourceOptions(depends_on=last))]

    return program


def sized(size: int, *names: str) -> Callable[[], None]:
    """Things of one size that each depend on the one before."""

    def program() -> None:
        last: list[Thing] = []
        for name in names:
            last = [Thing(name, size=size, opts=ResourceOptions(depends_on=last))]

    return program


def boxed(
    name: str, *, box: str, crate: bool = False, aliases: list[Any] | None = None
) -> Callable[[], None]:
    """A thing in a component."""

    def program() -> None:
        parent = Crate(box) if crate else Box(box, ResourceOptions(aliases=aliases))
        Thing(name, size=1, opts=ResourceOptions(parent=parent))

    return program


def moved_into_box() -> None:
    Thing(
        "a",
        size=1,
        opts=ResourceOptions(parent=Box("box"), aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)]),
    )


class TestProvider(ProviderResource):
    """An instance of the test provider: ``region`` changes in place, another ``realm`` is another world."""

    __test__ = False

    def __init__(self, name: str, opts: ResourceOptions | None = None, **props: Any) -> None:
        super().__init__("test", name, props, opts)


class Kit(pulumi.ComponentResource):
    """A component with an output."""

    def __init__(self, name: str, label: str, **props: Any) -> None:
        super().__init__("test:index:Kit", name)
        self.thing = Thing(f"{name}-part", opts=ResourceOptions(parent=self), **props)
        self.register_outputs({"label": label, "serial": self.thing.serial})


def provided(name: str = "a", *, opts: Mapping[str, Any] | None = None, **props: Any) -> Callable[[], None]:
    """A thing with a provider of its own."""

    def program() -> None:
        provider = TestProvider("mine", **props)
        Thing(name, size=1, opts=ResourceOptions(provider=provider, **(opts or {})))

    return program


def two(first: Mapping[str, Any], second: Mapping[str, Any] | None) -> Callable[[], None]:
    """``a``, and ``b`` that depends on it; their properties and, under ``opts``, options."""

    def program() -> None:
        a = Thing("a", **{**first, "opts": ResourceOptions(**first.get("opts", {}))})
        if second is not None:
            options = ResourceOptions(**{**second.get("opts", {}), "depends_on": [a]})
            Thing("b", **{**second, "opts": options})

    return program


def colored(*, third: bool = True, **first: Any) -> Callable[[], None]:
    """``b`` takes its color from ``a``, ``c`` from ``b``: neither outlives what is before it."""

    def program() -> None:
        a = Thing("a", **first)
        b = Thing("b", color=Output.format("{0}", a.serial))
        if third:
            Thing("c", color=Output.format("{0}", b.serial))

    return program


def in_boxes(parent: str, *boxes: str) -> Callable[[], None]:
    """A thing in one of several components."""

    def program() -> None:
        made = {name: Box(name) for name in boxes}
        Thing("a", size=1, opts=ResourceOptions(parent=made[parent]))

    return program


def in_crate() -> None:
    crate = Crate("crate")
    before = Alias(parent="urn:pulumi:dev::shop::test:index:Box::box")
    Thing("a", size=1, opts=ResourceOptions(parent=crate, aliases=[before]))


def in_box() -> None:
    Thing("a", size=1, opts=ResourceOptions(parent=Box("box")))


def two_boxes() -> None:
    first, second = Box("first"), Box("second")
    a = Thing("a", opts=ResourceOptions(parent=first))
    b = Thing("b", opts=ResourceOptions(parent=second, depends_on=[first]))
    c = Thing("c", opts=ResourceOptions(parent=second, depends_on=[b]))
    Thing("d", size=a.serial, opts=ResourceOptions(depends_on=[c]))


def kit(label: str, **props: Any) -> Callable[[], None]:
    def program() -> None:
        made = Kit("kit", label, **props)
        pulumi.export("serial", made.thing.serial)
        pulumi.export("label", label)

    return program


def secrets(word: str, *, export: Any = None) -> Callable[[], None]:
    def program() -> None:
        tags = {"who": "me", "deep": {"list": ["x", Output.secret(word)]}}
        a = Thing("a", tags=tags, opts=ResourceOptions(additional_secret_outputs=["serial"]))
        pulumi.export("tags", a.tags)
        pulumi.export("serial", a.serial)
        pulumi.export("plain", export)

    return program


def exported(value: Any) -> Callable[[], None]:
    def program() -> None:
        Thing("a", size=1)
        pulumi.export("value", Output.secret(value) if value == "hush" else value)

    return program


def raising(size: int) -> Callable[[], None]:
    def program() -> None:
        Thing("a", size=size)
        raise pulumi.RunError("not today")

    return program


A, B, C = {"size": 1}, {"size": 2}, {"size": 3}
RED, BLUE, GREEN = {"color": "red"}, {"color": "blue"}, {"color": "green"}


SAME: Ops = []


def made(*names: str) -> list[Any]:
    return [("create", name) for name in names]


def replaced(name: str) -> list[Any]:
    return [("create-replacement", name), ("delete-replaced", name)]


def options(**given: Any) -> ResourceOptions:
    return ResourceOptions(**given)
