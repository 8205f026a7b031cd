"""A wait until Google's services see grants, for what gives up at the first refusal."""

import time
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from mlcloud.provider.gcp.iam_propagation_inputs import IamPropagationInputs, IamPropagationOutputs
from mlcloud.provider.resource import Context, Resource

_TELL_EVERY_S: Final = 5.0


class IamPropagation(
    Resource[IamPropagationInputs, IamPropagationOutputs], token="mlcloud:gcp:IamPropagation"
):
    """Waits once for each new grant; makes and asks nothing. See ADR 0015."""

    @override
    def preview(self, new: IamPropagationInputs, old: IamPropagationOutputs | None) -> Mapping[str, object]:
        """What will have been waited for."""
        del old
        return {"seen": new.grants}

    @override
    def create(self, context: Context, new: IamPropagationInputs) -> tuple[str, IamPropagationOutputs]:
        """Wait for all of them."""
        _wait(context, new.wait_s, len(new.grants))
        return context.urn.rpartition("::")[2], IamPropagationOutputs(seen=new.grants)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: IamPropagationInputs,
        outputs: IamPropagationOutputs,
    ) -> IamPropagationOutputs | None:
        """What has been waited for stays so."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: IamPropagationInputs,
        outputs: IamPropagationOutputs,
        new: IamPropagationInputs,
    ) -> IamPropagationOutputs:
        """Wait for those that are new."""
        added = set(new.grants) - set(outputs.seen)
        if added:
            _wait(context, new.wait_s, len(added))
        return IamPropagationOutputs(seen=new.grants)

    @override
    def delete(self, context: Context, identifier: str, outputs: IamPropagationOutputs) -> None:
        """There is nothing to delete."""


def _wait(context: Context, wait_s: float, grants: int) -> None:
    deadline = time.monotonic() + wait_s
    while (left_s := deadline - time.monotonic()) > 0:
        context.log(
            f"Waiting until Google's services see {grants} new grants: {left_s:.0f} s more.", ephemeral=True
        )
        context.pause(min(left_s, _TELL_EVERY_S))
