"""A wait until a cloud's services see grants, for what gives up at the first refusal."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from typing_extensions import override

from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

LONGEST_WAIT_S: Final = 3600.0
_DEFAULT_WAIT_S: Final = 120.0
_TELL_EVERY_S: Final = 5.0


def _wait_problem(value: float) -> str | None:
    return None if 0 <= value <= LONGEST_WAIT_S else f"{value:g} is not between 0 and {LONGEST_WAIT_S:g}."


@dataclass(frozen=True, kw_only=True)
class PropagationInputs:
    """What is waited for.

    Attributes:
        grants: identifiers of the grants, accounts or keys that have to be seen. A new one is waited for; one
            that goes is not.
        wait_s: seconds from a grant until it is taken as seen, 0 to 3600. Default 120.
    """

    grants: list[str]
    wait_s: float = field(default=_DEFAULT_WAIT_S, metadata=options(check=_wait_problem))


@dataclass(frozen=True, kw_only=True)
class PropagationOutputs:
    """What a wait offers.

    Attributes:
        seen: the grants that have been waited for.
    """

    seen: list[str]


class Propagation(Resource[PropagationInputs, PropagationOutputs], token="mlcloud:index:Propagation"):
    """Waits once for each new grant; makes and asks nothing. Each cloud has one with a token of its own."""

    services: ClassVar[str]
    """Who has to see the grants, for messages."""

    @override
    def preview(self, new: PropagationInputs, old: PropagationOutputs | None) -> Mapping[str, object]:
        """What will have been waited for."""
        del old
        return {"seen": new.grants}

    @override
    def create(self, context: Context, new: PropagationInputs) -> tuple[str, PropagationOutputs]:
        """Wait for all of them."""
        self._wait(context, new.wait_s, len(new.grants))
        return context.urn.rpartition("::")[2], PropagationOutputs(seen=new.grants)

    @override
    def read(
        self, context: Context, identifier: str, inputs: PropagationInputs, outputs: PropagationOutputs
    ) -> PropagationOutputs | None:
        """What has been waited for stays so."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: PropagationInputs,
        outputs: PropagationOutputs,
        new: PropagationInputs,
    ) -> PropagationOutputs:
        """Wait for those that are new."""
        added = set(new.grants) - set(outputs.seen)
        if added:
            self._wait(context, new.wait_s, len(added))
        return PropagationOutputs(seen=new.grants)

    @override
    def delete(self, context: Context, identifier: str, outputs: PropagationOutputs) -> None:
        """There is nothing to delete."""

    def _wait(self, context: Context, wait_s: float, grants: int) -> None:
        deadline = time.monotonic() + wait_s
        while (left_s := deadline - time.monotonic()) > 0:
            context.log(
                f"Waiting until {self.services} see {grants} new grants: {left_s:.0f} s more.", ephemeral=True
            )
            context.pause(min(left_s, _TELL_EVERY_S))
