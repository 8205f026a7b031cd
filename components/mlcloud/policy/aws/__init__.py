"""Controls of AWS, one file a part of the chain, and what is waived of them."""

from typing import Final

from mlcloud.policy.aws import (
    cluster,
    endpoint,
    identity,
    keys,
    monitoring,
    network,
    registry,
    storage,
    training,
    workbench,
)
from mlcloud.policy.aws.waivers import WAIVERS

CONTROLS: Final = (
    *storage.CONTROLS,
    *registry.CONTROLS,
    *keys.CONTROLS,
    *identity.CONTROLS,
    *network.CONTROLS,
    *cluster.CONTROLS,
    *training.CONTROLS,
    *endpoint.CONTROLS,
    *monitoring.CONTROLS,
    *workbench.CONTROLS,
)

__all__ = ["CONTROLS", "WAIVERS"]
