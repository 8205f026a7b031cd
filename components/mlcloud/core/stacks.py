"""The one table from a cloud to the builder of its stack; only the chosen cloud's module is imported."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.install import install_command
from mlcloud.core.settings import Cloud, Settings

StackBuilder = Callable[[Settings, StackContext], Mapping[str, Any]]
"""Declares a whole stack and returns its outputs."""

_BUILDERS: Mapping[Cloud, str] = {
    "local": "mlcloud.local.stack",
    "aws": "mlcloud.aws.stack",
    "gcp": "mlcloud.gcp.stack",
    "azure": "mlcloud.azure.stack",
}


def build_stack(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare the stack of the cloud that the settings name, and return its outputs.

    Raises:
        UserError: this version has no stack for that cloud, or the cloud's packages are not installed.
    """
    module = _BUILDERS.get(settings.cloud)
    if module is None:
        raise UserError(
            f"mlcloud:cloud = {settings.cloud!r}: this version builds stacks on {', '.join(_BUILDERS)}. "
            "Write one of these in the stack file."
        )
    try:
        builder = cast("StackBuilder", import_module(module).build)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "mlcloud":
            raise
        raise UserError(
            f"The packages of {settings.cloud} are not installed ({error.name} is missing). Install them: "
            f"{install_command(settings.cloud)}"
        ) from None
    return builder(settings, context)
