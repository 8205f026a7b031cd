"""Controls of GCP, one file a part of the chain, and what is waived of them."""

from typing import Final

from mlcloud.policy.gcp import (
    cluster,
    endpoint,
    gke,
    identity,
    keys,
    monitoring,
    network,
    registry,
    storage,
    training,
    workbench,
)
from mlcloud.policy.gcp.waivers import WAIVERS

CONTROLS: Final = (
    *storage.CONTROLS,
    *registry.CONTROLS,
    *keys.CONTROLS,
    *identity.CONTROLS,
    *network.CONTROLS,
    *cluster.CONTROLS,
    *gke.CONTROLS,
    *training.CONTROLS,
    *endpoint.CONTROLS,
    *monitoring.CONTROLS,
    *workbench.CONTROLS,
)

__all__ = ["CONTROLS", "WAIVERS"]
