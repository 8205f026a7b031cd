"""From a stack's settings to the arguments of GCP's components: the one place that reads both."""

from mlcloud.core import settings as config
from mlcloud.gcp.foundation import BUDGET_SERVICES, NETWORK_SERVICES, SERVICES


def services(settings: config.Settings) -> tuple[str, ...]:
    """Return the APIs that a stack needs."""
    return (
        *SERVICES,
        *(NETWORK_SERVICES if isinstance(wished_network(settings), config.ManagedNetwork) else ()),
        *(BUDGET_SERVICES if settings.budget is not None else ()),
    )


def wished_network(settings: config.Settings) -> config.Network:
    """Return the network that the settings mean: what they say, or a managed one in prod."""
    if settings.network is not None:
        return settings.network
    prod = settings.environment == "prod"
    return config.ManagedNetwork() if prod else config.NoNetwork(kind="none")
