"""The door to libraries without types: what comes through it is `Any`, imported when first used."""

from __future__ import annotations

import importlib
from typing import Any


def library(name: str) -> Any:
    """Import a module, for instance `library("sklearn.metrics")`."""
    return importlib.import_module(name)
