"""Configurations and models that an endpoint has run: the last ones that served stay, the others go."""

from collections.abc import Sequence

from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.endpoint_inputs import EndpointOutputs
from mlcloud.provider.aws.endpoint_revision import own_prefix
from mlcloud.provider.aws.endpoint_seen import UNPROVEN
from mlcloud.provider.resource import Context


def with_latest(config_names: Sequence[str], latest: str) -> list[str]:
    """The history with one more configuration in front."""
    return [latest, *(name for name in config_names if name != latest)]


def proven_in(old: EndpointOutputs | None) -> list[str]:
    """The configurations that have proven themselves, the latest first.

    A state from before they were marked does not tell them from failed ones: all count, behind the one that
    the endpoint was seen running, so that as many stay as before, and that one does.
    """
    if old is None:
        return []
    if old.proven_config_names is not None:
        return old.proven_config_names
    live = old.endpoint_config_name
    names = with_latest(old.config_names, live)
    return names[1:] if old.status == UNPROVEN else names


def clean(
    context: Context,
    clients: Clients,
    endpoint: str,
    config_names: Sequence[str],
    *,
    proven: Sequence[str],
    keep: int,
    live: str | None,
) -> list[str]:
    """Delete all configurations but the last proven ones, and the models made with them.

    Those that failed do not count: however many there are, they push none out that has served.

    Args:
        context: shows what could not be deleted; that fails nothing, the next update tries again.
        clients: AWS.
        endpoint: whose history it is. Only revisions with its name are its own; others are left alone.
        config_names: the history, the latest first.
        proven: those that have proven themselves, the latest first.
        keep: how many of these stay.
        live: the configuration that the endpoint runs, which stays wherever it stands. None: there is none.

    Returns:
        The configurations that are left, the latest first.
    """
    left: list[str] = []
    stay = {live, *proven[:keep]}
    for name in config_names:
        stays = name in stay
        own = name.startswith(own_prefix(endpoint))
        if stays or (own and not _delete(context, clients, name)):
            left.append(name)
    return left


def _delete(context: Context, clients: Clients, name: str) -> bool:
    """Delete a configuration and the model of the same name: one revision made both."""
    try:
        _call(clients, "delete_endpoint_config", EndpointConfigName=name)
        _call(clients, "delete_model", ModelName=name)
    except AwsError as error:
        context.log(f"The old endpoint configuration {name} stays: {error}", severity="warning")
        return False
    return True


def _call(clients: Clients, operation: str, **parameters: object) -> None:
    try:
        clients.call("sagemaker", operation, **parameters)
    except AwsError as error:
        if not error.is_missing:
            raise
