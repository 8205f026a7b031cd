"""The simulated GCP."""

from mlcloud.simulated.cloud import Cloud
from mlcloud.simulated.gcp.functions import FUNCTIONS
from mlcloud.simulated.gcp.looks import LOOKS, computed, fallback
from mlcloud.simulated.gcp.replacements import replaces
from mlcloud.simulated.servicer import SimulatedProvider

PROJECT = "example-project"
"""The project of everything that is simulated, unless the provider's configuration names one."""

GCP = Cloud(
    package="gcp",
    region_variable="GOOGLE_REGION",
    default_region="us-central1",
    account=PROJECT,
    account_setting="project",
    looks=LOOKS,
    fallback=fallback,
    computed=computed,
    replaces=replaces,
    functions=FUNCTIONS,
)


class SimulatedGcp(SimulatedProvider):
    """A provider instance of the simulated GCP; the engine makes one for each configuration."""

    def __init__(self) -> None:
        super().__init__(GCP)
