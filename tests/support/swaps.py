"""Swaps of versions under traffic: when they happened, and who may have answered when."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.open_loop import Request
from support.provider_endpoints import EndpointPlace
from support.provider_plugin import ResourceClient
from support.waiting import eventually


@dataclass(frozen=True, kw_only=True)
class Swap:
    """One swap; times are monotonic seconds.

    Attributes:
        version: the new version.
        began: when it was asked for.
        settled: when the servers of the version before had ended.
    """

    version: str
    began: float
    settled: float


def swap(endpoint: ResourceClient, place: EndpointPlace, inputs: Mapping[str, Any]) -> Swap:
    """Let another version take over, and wait until the one before is gone."""
    before = {server.pid for server in place.servers()}
    began = time.monotonic()
    endpoint.update(dict(inputs))
    eventually(lambda: not before & {server.pid for server in place.servers()})
    return Swap(version=inputs["modelVersion"], began=began, settled=time.monotonic())


def misplaced(requests: Sequence[Request], first: str, swaps: Sequence[Swap]) -> list[Request]:
    """The answers by a version that could not yet, or no longer, have given them.

    Args:
        requests: what was asked and answered.
        first: the version before all swaps.
        swaps: the swaps, in order.
    """
    versions = [first, *(one.version for one in swaps)]

    def is_in_place(one: Request) -> bool:
        # Settled before it was sent: at least this version. Begun before it was answered: at most this one.
        oldest = sum(swap.settled <= one.sent for swap in swaps)
        newest = sum(swap.began <= one.done for swap in swaps)
        return one.version in versions[oldest : newest + 1]

    return [one for one in requests if not is_in_place(one)]


def during(requests: Sequence[Request], swaps: Sequence[Swap]) -> list[Request]:
    """Those that were due while a version took over from another."""
    return [one for one in requests if any(swap.began <= one.due <= swap.settled for swap in swaps)]
