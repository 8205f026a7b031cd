"""Rules between settings that hold on this machine alone: told with all other problems."""

from collections.abc import Iterator
from typing import Final

from pydantic import TypeAdapter, ValidationError

from mlcloud.core.errors import Problem
from mlcloud.core.settings.model import Rollout
from mlcloud.core.settings.rules import Given
from mlcloud.local.rollouts import rollout_problem

_ROLLOUT: Final[TypeAdapter[Rollout]] = TypeAdapter(Rollout)


def check(given: Given) -> Iterator[Problem]:
    """Yield what cannot be on this machine."""
    try:
        problem = rollout_problem(_ROLLOUT.validate_python(given.get("endpoint.rollout", {})))
    except ValidationError:
        return  # told already
    if problem is not None:
        yield given.problem("endpoint.rollout", value=problem.value, allowed=problem.allowed, fix=problem.fix)
