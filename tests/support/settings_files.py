"""Stack files, as tests read them."""

import json
from typing import Any


def flat(config: dict[str, Any]) -> dict[str, str]:
    """Return a stack file's config as Pulumi passes it to a program."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
