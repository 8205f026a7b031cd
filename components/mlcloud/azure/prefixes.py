"""Names that leave room for what is added to them."""

import hashlib
from typing import Final

from mlcloud.core.scope import Scope

# A training run's name ends with `-` and 12 digits, and a job's name has 255 characters at most.
_LONGEST: Final = 50
_HASH_DIGITS: Final = 8


def azureml_prefix(scope: Scope, *parts: str) -> str:
    """Return a name of Azure ML's with room for the digits that make it one of many.

    Args:
        scope: Whose it is.
        parts: What it is within the stack; none for the stack's only one.
    """
    name = scope.name("azure-ml-model", *parts)
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{name[: _LONGEST - _HASH_DIGITS - 1].rstrip('-')}-{digest}"
