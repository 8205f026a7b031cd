"""What a model version's description says: its label and its metrics, for people and for the command line."""

import re
from collections.abc import Mapping
from typing import Any, Final

_METRIC: Final = re.compile(r"(?:: |, )(\w+) (-?[\d.]+(?:e[+-]?\d+)?)")


def description(known: Mapping[str, Any]) -> str:
    """Return a version's description.

    Args:
        known: `version`, the label; `metrics`, by name, or None.
    """
    metrics: Mapping[str, float] = known["metrics"] or {}
    told = ", ".join(f"{name} {value:.6g}" for name, value in sorted(metrics.items()))
    return f"{known['version']}: {told}" if told else str(known["version"])


def metrics_in(text: str) -> dict[str, float]:
    """Return the metrics that a version's description tells; none where it tells none."""
    return {name: float(value) for name, value in _METRIC.findall(text)}
