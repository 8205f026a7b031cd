"""Failure at each thing of a chain in turn, in each kind of operation, and what the next update does."""

from support.scenarios.happenings import breaking, failing, healed
from support.scenarios.programs import colored, made, nothing, sized
from support.scenarios.scenario import Ops, Scenario, Update

NAMES = ("a", "b", "c")
CLOSED = "the shop is closed"
DARK = "the lamp does not light"


def _states(size: int, *names: str) -> dict[str, dict[str, int]]:
    return {name: {"size": size} for name in names}


def _changed(*names: str) -> Ops:
    return [("update", name) for name in names]


def _not_made(at: int) -> Scenario:
    done, rest = NAMES[:at], NAMES[at:]
    return Scenario(
        name=f"a chain whose {NAMES[at]} cannot be made is made by the next update",
        updates=[
            Update(
                program=sized(1, *NAMES),
                before=failing(NAMES[at]),
                ops=made(*done),
                state=_states(1, *done),
                fails=CLOSED,
            ),
            Update(program=sized(1, *NAMES), before=healed, ops=made(*rest), state=_states(1, *NAMES)),
            Update(program=sized(1, *NAMES), ops=[], state=_states(1, *NAMES)),
        ],
    )


def _not_changed(at: int) -> Scenario:
    done, rest = NAMES[:at], NAMES[at:]
    return Scenario(
        name=f"a chain whose {NAMES[at]} cannot be changed is changed by the next update",
        updates=[
            Update(program=sized(1, *NAMES), ops=made(*NAMES), state=_states(1, *NAMES)),
            Update(
                program=sized(2, *NAMES),
                before=failing(NAMES[at], "update"),
                ops=_changed(*done),
                state={**_states(2, *done), **_states(1, *rest)},
                fails=CLOSED,
            ),
            Update(program=sized(2, *NAMES), before=healed, ops=_changed(*rest), state=_states(2, *NAMES)),
        ],
    )


def _not_working(at: int) -> Scenario:
    done, rest = NAMES[:at], NAMES[at + 1 :]
    return Scenario(
        name=f"a chain whose {NAMES[at]} does not work is repaired before what comes after it is made",
        updates=[
            Update(
                program=sized(1, *NAMES),
                before=breaking(NAMES[at]),
                ops=made(*done),
                state=_states(1, *done, NAMES[at]),
                fails=DARK,
            ),
            Update(
                program=sized(1, *NAMES),
                before=healed,
                ops=[("update", NAMES[at]), *made(*rest)],
                state=_states(1, *NAMES),
            ),
        ],
    )


def _not_replaced(at: int) -> Scenario:
    done, rest = NAMES[:at], NAMES[at:]
    return Scenario(
        name=f"a chain whose {NAMES[at]} cannot be replaced is replaced by the next update",
        updates=[
            Update(program=colored(color="red"), ops=made(*NAMES), state={name: {} for name in NAMES}),
            Update(
                program=colored(color="blue"),
                before=failing(NAMES[at]),
                ops=[("create-replacement", name) for name in done],
                state={name: {} for name in NAMES},
                fails=CLOSED,
            ),
            Update(
                program=colored(color="blue"),
                before=healed,
                ops=[
                    *(("create-replacement", name) for name in rest),
                    *(("delete-replaced", name) for name in reversed(NAMES)),
                ],
                state={name: {} for name in NAMES},
            ),
        ],
    )


def _not_ended(at: int) -> Scenario:
    done, rest = NAMES[at + 1 :], NAMES[: at + 1]
    return Scenario(
        name=f"a chain whose {NAMES[at]} cannot be deleted is deleted by the next update",
        updates=[
            Update(program=sized(1, *NAMES), ops=made(*NAMES), state=_states(1, *NAMES)),
            Update(
                program=nothing,
                before=failing(NAMES[at], "delete"),
                ops=[("delete", name) for name in reversed(done)],
                state=_states(1, *rest),
                fails=CLOSED,
            ),
            Update(
                program=nothing,
                before=healed,
                ops=[("delete", name) for name in reversed(rest)],
                state={},
            ),
        ],
    )


def _old_half_stays(at: int) -> Scenario:
    done, rest = NAMES[at + 1 :], NAMES[: at + 1]
    return Scenario(
        name=f"a replaced chain whose old {NAMES[at]} cannot be deleted loses it in the next update",
        updates=[
            Update(program=colored(color="red"), ops=made(*NAMES), state={name: {} for name in NAMES}),
            Update(
                program=colored(color="blue"),
                before=failing(NAMES[at], "delete"),
                ops=[
                    *(("create-replacement", name) for name in NAMES),
                    *(("delete-replaced", name) for name in reversed(done)),
                ],
                state={name: {} for name in NAMES},
                fails=CLOSED,
            ),
            Update(
                program=colored(color="blue"),
                before=healed,
                ops=[("delete-replaced", name) for name in reversed(rest)],
                state={name: {} for name in NAMES},
            ),
        ],
    )


CHAINS = [
    make(at)
    for make in (_not_made, _not_changed, _not_working, _not_replaced, _not_ended, _old_half_stays)
    for at in range(len(NAMES))
]
