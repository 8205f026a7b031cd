"""The settings of a stack's config, and the problems that reading it finds."""

import json
from typing import Any

import pytest
from mlcloud.core.errors import ConfigError, Problem
from mlcloud.core.settings import (
    Settings,
    load,
)

DATA = {"path": "data/houses.csv"}


TRAINING = {"estimator": "random_forest", "target": "price"}


PIN = {"name": "houses", "uri": "file:///models/a", "sha256": "a" * 64, "version": "1"}


NEEDED: dict[str, Any] = {"data": DATA, "training": TRAINING}


def raw(**keys: Any) -> dict[str, str]:
    """The config as Pulumi holds it: text, or JSON where a value is structured."""
    return {
        f"mlcloud:{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in keys.items()
    }


def read(**keys: Any) -> Settings:
    return load(raw(**{**NEEDED, **keys}))


def problems(**keys: Any) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    return {problem.path: problem for problem in caught.value.problems}


def only_problem(**keys: Any) -> Problem:
    found = problems(**keys)
    assert len(found) == 1, found
    return next(iter(found.values()))


def training(**keys: Any) -> dict[str, Any]:
    return {**TRAINING, **keys}
