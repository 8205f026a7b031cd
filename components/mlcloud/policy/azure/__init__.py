"""Controls of Azure, one file a part of the chain, and what is waived of them."""

from typing import Final

from mlcloud.policy.azure import (
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
    workspace,
)
from mlcloud.policy.azure.waivers import WAIVERS

CONTROLS: Final = (
    *storage.CONTROLS,
    *registry.CONTROLS,
    *keys.CONTROLS,
    *identity.CONTROLS,
    *network.CONTROLS,
    *workspace.CONTROLS,
    *cluster.CONTROLS,
    *training.CONTROLS,
    *endpoint.CONTROLS,
    *monitoring.CONTROLS,
    *workbench.CONTROLS,
)

__all__ = ["CONTROLS", "WAIVERS"]
