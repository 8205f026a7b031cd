"""Controls of Azure ML's training runs."""

from typing import Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import at_least, expect

RUN: Final = "mlcloud:azure:TrainingRun"

CONTROLS: Final = (
    Control(
        id="training-time-limit",
        sources=["own"],
        title="A run that hangs is stopped",
        severity="high",
        why="It costs until somebody notices.",
        types=[RUN],
        judge=expect("timeoutS", at_least(1), "a number of seconds"),
    ),
)
