"""Names that leave room for what is added to them."""

from typing import Final

from mlcloud.core.scope import Scope

# A training run's name ends with `-` and 12 digits, and a job's name has 255 characters at most.
_LONGEST: Final = 50


def azureml_prefix(scope: Scope, *parts: str) -> str:
    """Return a name of Azure ML's with room for the digits that make it one of many.

    Args:
        scope: Whose it is.
        parts: What it is within the stack; none for the stack's only one.
    """
    return scope.prefix("azure-ml-model", *parts, longest=_LONGEST)
