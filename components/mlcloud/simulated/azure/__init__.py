"""The simulated Azure."""

from mlcloud.simulated.azure.functions import FUNCTIONS
from mlcloud.simulated.azure.looks import AUTO_NAMES, LOOKS, computed, fallback
from mlcloud.simulated.azure.replacements import replaces
from mlcloud.simulated.cloud import Cloud
from mlcloud.simulated.servicer import SimulatedProvider

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""The subscription of everything that is simulated, unless the provider's configuration names one."""

AZURE = Cloud(
    package="azure-native",
    region_setting="location",
    region_variable="ARM_LOCATION_NAME",
    # pulumi-azure-native fills it in: provider/pkg/provider/provider.go, getDefaultLocation.
    region_input="location",
    default_region="westeurope",
    account=SUBSCRIPTION,
    account_setting="subscriptionId",
    auto_names=AUTO_NAMES,
    looks=LOOKS,
    fallback=fallback,
    computed=computed,
    replaces=replaces,
    # Names are no secret of Azure's: two resources cannot have one, so the provider deletes before it
    # creates (pulumi-azure-native, provider/pkg/provider/provider.go, Diff). A resource whose name follows
    # from what it is must say `delete_before_replace=False`.
    deletes_first=True,
    # What a set of identities is in the SDK's two directions.
    sets=("identity.userAssignedIdentities",),
    functions=FUNCTIONS,
)


class SimulatedAzure(SimulatedProvider):
    """A provider instance of the simulated Azure; the engine makes one for each configuration."""

    def __init__(self) -> None:
        super().__init__(AZURE)
