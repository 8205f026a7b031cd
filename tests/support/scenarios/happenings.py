"""What happens to a stack from outside, between two updates or in the middle of one."""

from collections.abc import Callable

from support.scenarios.scenario import Side
from support.waiting import LIMIT_S


def failing(name: str, method: str = "create", message: str = "the shop is closed") -> Callable[[Side], None]:
    def before(side: Side) -> None:
        side.provider.fail = {(method, name): message}

    return before


def healed(side: Side) -> None:
    side.provider.fail = {}
    side.provider.broken = {}


def broken(side: Side) -> None:
    breaking("a")(side)


def breaking(name: str) -> Callable[[Side], None]:
    def before(side: Side) -> None:
        side.provider.broken = {name: "the lamp does not light"}

    return before


def stolen(side: Side) -> None:
    side.provider.things.clear()


def observed(side: Side) -> None:
    """Everything is painted over, and the provider sees it."""
    painted(side)
    side.provider.observant = True


def painted(side: Side) -> None:
    for item in side.provider.things.values():
        item["size"] = 7


def gone(name: str) -> Callable[[Side], None]:
    """What a thing stands for vanishes."""

    def before(side: Side) -> None:
        record = side.resources[name]
        side.provider.things.pop(record.id)

    return before


def torn(side: Side) -> None:
    side.provider.broken = {"a": "the lamp does not light"}
    side.provider.fail = {}


def cancelled(method: str, name: str, *, given_up: bool = False) -> Callable[[Side], None]:
    """Ctrl-C while the provider works on a thing, which it then finishes or gives up."""

    def before(side: Side) -> None:
        def pressed(running: str, on: str) -> None:
            if (running, on) != (method, name):
                return
            side.provider.before = lambda _method, _name: None
            side.interrupt()
            assert side.provider.cancelled.wait(LIMIT_S), "the provider was not told"
            if given_up:
                side.provider.fail[method, name] = "ended because the run was cancelled"

        healed(side)
        side.provider.cancelled.clear()
        side.provider.before = pressed

    return before
