"""A wait until Google's services see grants, for what gives up at the first refusal."""

from mlcloud.provider.propagation import Propagation


class IamPropagation(Propagation, token="mlcloud:gcp:IamPropagation"):
    """Waits once for each new grant; makes and asks nothing. See ADR 0015."""

    services = "Google's services"
