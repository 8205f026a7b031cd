"""Configurations and models that an endpoint has run: the last ones stay, older ones go."""

from collections.abc import Sequence

from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.endpoint_revision import own_prefix
from mlcloud.provider.resource import Context


def with_latest(config_names: Sequence[str], latest: str) -> list[str]:
    """The history with one more configuration in front."""
    return [latest, *(name for name in config_names if name != latest)]


def clean(
    context: Context,
    clients: Clients,
    endpoint: str,
    config_names: Sequence[str],
    *,
    keep: int,
    live: str | None,
) -> list[str]:
    """Delete the configurations beyond the last ones, and the models made with them.

    Args:
        context: shows what could not be deleted; that fails nothing, the next update tries again.
        clients: AWS.
        endpoint: whose history it is. Only revisions with its name are its own; others are left alone.
        config_names: the history, the latest first.
        keep: how many stay.
        live: the configuration that the endpoint runs, which stays wherever it stands. None: there is none.

    Returns:
        The configurations that are left, the latest first.
    """
    left: list[str] = []
    for index, name in enumerate(config_names):
        stays = index < keep or name == live
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
