"""Names that leave room for what is added to them."""

from typing import Final

from mlcloud.core.scope import Scope

# A training job's name ends with `-` and 12 digits, a revision's with two times `-` and 14: 63 altogether.
_LONGEST: Final = 47


def sagemaker_prefix(scope: Scope, *parts: str) -> str:
    """Return a name of SageMaker's with room for the digits that make it one of many.

    Args:
        scope: Whose it is.
        parts: What it is within the stack; none for the stack's only one.
    """
    return scope.prefix("aws-sagemaker", *parts, longest=_LONGEST)
