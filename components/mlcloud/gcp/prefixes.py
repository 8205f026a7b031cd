"""Names that leave room for what is added to them."""

from typing import Final

from mlcloud.core.scope import Scope

# A training run's name ends with `-` and 12 digits: 63 altogether.
_LONGEST: Final = 50


def vertex_prefix(scope: Scope, *parts: str) -> str:
    """Return a name of Vertex AI's with room for the digits that make it one of many.

    Args:
        scope: Whose it is.
        parts: What it is within the stack; none for the stack's only one.
    """
    return scope.prefix("gcp-vertex-endpoint", *parts, longest=_LONGEST)
