"""Where the embedded engine answers otherwise than the Pulumi CLI, and why: nothing else may differ.

The CLI's answers lie in the golden file, like all others; here they stand beside ours, with the reason.
"""

from dataclasses import dataclass
from typing import Any

THING = "test:index:Thing::a"

HALF_A_REPLACEMENT = (
    "The CLI counts a replacement once the old thing is deleted, also when the new one cannot be made. "
    "Ours counts it when there is a new thing."
)
DELETED_TWICE = (
    "After a failure between deletion and creation the CLI asks the provider once more to delete what it "
    "has deleted, which a provider may take for an error. Ours asks once."
)
REFRESHED_IN_SILENCE = (
    "Of a refresh the CLI tells only what `up` would change back. Other outputs, and what does not work any "
    "more, it takes over without a word. Ours tells of every resource whose record changes."
)
FORGOTTEN_NEEDS = (
    "What a refresh of the CLI looks at forgets which of its inputs come from which resources, until the "
    "next `up`. Ours keeps that: it says what cannot outlive a thing that is deleted before its replacement."
)
REFUSED_AT_ONCE = (
    "The CLI fails at each protected thing that is no longer declared, when its turn comes. Ours names all "
    "in one message before anything is deleted; its plan shows what is asked for, beside the refusal."
)
RENAMED_OLD_HALF = (
    "The CLI deletes the old half of a renamed thing under its old name. Ours has given it the new one at "
    "once, so that what refers to it is found and goes before it. The provider knows it by its ID."
)
CUT_OFF = (
    "The CLI does not count a replacement that was made while the run was cancelled. Ours counts what was "
    "done."
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One scenario in which the engines differ."""

    why: tuple[str, ...]
    """What the CLI does, and why ours does not."""
    told: dict[str, tuple[Any, Any]]
    """``update.part.field`` to the CLI's answer and ours; see :func:`.golden.differences`."""


def _refused_at_once(urn: str) -> Difference:
    return Difference(
        why=(REFUSED_AT_ONCE,),
        told={
            f"2.preview delete {urn}": (None, {"op": "delete", "urn": urn}),
            "2.run.failed": ([f"delete {urn}"], []),
        },
    )


def _forgotten_needs(size: int, name: str, **fields: Any) -> dict[str, tuple[Any, Any]]:
    """A thing after a refresh in the second update."""
    urn = f"test:index:Thing::{name}"
    outputs = {"serial": f"s1-{name}", "size": fields.pop("found", size)}
    record = {"urn": urn, "id": f"thing-1-{name}", "inputs": {"size": size}, "outputs": outputs, **fields}
    return {f"2.refresh.state {urn}": (record, {**record, "property_dependencies": {"size": []}})}


_HALF = Difference(why=(HALF_A_REPLACEMENT,), told={"2.run.counts": ({"replace": 1, "same": 1}, {"same": 1})})

_CUT = Difference(why=(CUT_OFF,), told={"2.run.counts": ({"same": 1}, {"replace": 1, "same": 1})})

DIFFERENCES: dict[str, Difference] = {
    "a protected thing is neither deleted nor replaced until its protection is taken away": _refused_at_once(
        THING
    ),
    "protection comes from the component above": _refused_at_once(f"test:index:Box${THING}"),
    "a replacement that failed after the deletion is made by the next update": _HALF,
    "of a thing that waited for its replacement and is no longer declared only the record goes": _HALF,
    "a destroy does not ask again for what waits for its replacement": _HALF,
    "a thing that waits for its replacement is made by any later update": Difference(
        why=(HALF_A_REPLACEMENT, DELETED_TWICE),
        told={
            **_HALF.told,
            "3.run.asked": (["create a", "delete a"], ["create a"]),
            "3.run.ops": (
                [f"create-replacement {THING}", f"delete-replaced {THING}"],
                [f"create-replacement {THING}"],
            ),
        },
    ),
    "a chain that is deleted before it is replaced and stops in the middle is finished": Difference(
        why=(HALF_A_REPLACEMENT, DELETED_TWICE),
        told={
            "2.run.counts": ({"replace": 2, "same": 1}, {"replace": 1, "same": 1}),
            "3.run.asked": (["create b", "create c", "delete b", "delete c"], ["create b", "create c"]),
            "3.run.ops": (
                [
                    "create-replacement test:index:Thing::b",
                    "create-replacement test:index:Thing::c",
                    "delete-replaced test:index:Thing::c",
                    "delete-replaced test:index:Thing::b",
                ],
                ["create-replacement test:index:Thing::b", "create-replacement test:index:Thing::c"],
            ),
        },
    ),
    "what changed outside is taken over by a refresh": Difference(
        why=(REFRESHED_IN_SILENCE, FORGOTTEN_NEEDS),
        told={
            "2.refresh.counts": ({"same": 3}, {"same": 1, "update": 2}),
            "2.refresh.ops": ([], [f"update {THING}", "update test:index:Thing::b"]),
            **_forgotten_needs(1, "a", found=7),
            **_forgotten_needs(2, "b", found=7, dependencies=[THING]),
        },
    ),
    "what a refresh finds broken is repaired by the next update": Difference(
        why=(REFRESHED_IN_SILENCE, FORGOTTEN_NEEDS),
        told={
            "2.refresh.counts": ({"same": 3}, {"same": 2, "update": 1}),
            "2.refresh.ops": ([], ["update test:index:Thing::b"]),
            **_forgotten_needs(1, "a"),
            **_forgotten_needs(2, "b", dependencies=[THING], init_errors=["the lamp does not light"]),
        },
    ),
    "a thing that vanished below another one is made again": Difference(
        why=(FORGOTTEN_NEEDS,), told=_forgotten_needs(2, "b")
    ),
    "what a refresh finds changed is changed back by the next update": Difference(
        why=(FORGOTTEN_NEEDS,),
        told={**_forgotten_needs(7, "a"), **_forgotten_needs(7, "b", dependencies=[THING])},
    ),
    "a thing is renamed and changed, and renamed and replaced, at once": Difference(
        why=(RENAMED_OLD_HALF,),
        told={
            "3.preview delete-replaced test:index:Thing::b": (
                {"op": "delete-replaced", "urn": "test:index:Thing::b"},
                None,
            ),
            "3.run.asked": (["create c", "delete b"], ["create c", "delete c"]),
            "3.run.ops": (
                ["create-replacement test:index:Thing::c", "delete-replaced test:index:Thing::b"],
                ["create-replacement test:index:Thing::c", "delete-replaced test:index:Thing::c"],
            ),
        },
    ),
    "a replacement that is being made at a Ctrl-C is made, the old thing goes with the next update": _CUT,
}
"""By the name of the scenario."""
