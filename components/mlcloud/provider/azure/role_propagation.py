"""A wait until Azure's services see role assignments, for what gives up at the first refusal."""

from mlcloud.provider.propagation import Propagation


class AzureRolePropagation(Propagation, token="mlcloud:azure:RolePropagation"):
    """Waits once for each new role assignment; makes and asks nothing. See ADR 0015."""

    services = "Azure's services"
