"""Tokens of the provider's resources of Azure, and operations that go on beside a test."""

import threading
from collections.abc import Callable
from typing import Any

from support.provider_plugin import RefusedError

TRAFFIC = "mlcloud:azure:Traffic"
FRESH_NAMES = "mlcloud:azure:FreshNames"


def in_background(operation: Callable[[], Any]) -> tuple[threading.Thread, list[RefusedError]]:
    """Start an operation that will be refused."""
    errors: list[RefusedError] = []

    def run() -> None:
        try:
            operation()
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors
