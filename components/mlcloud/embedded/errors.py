"""What is told to people instead of a traceback, and what ends a run without one."""

from mlcloud.core.errors import UserError

ADVICE = "the embedded engine does not support that; run this stack with pulumi."


class EngineError(UserError):
    """A failure that its message explains to people; a command shows it without a traceback."""


class StoppedError(EngineError):
    """Nothing more is begun: something failed, or the run was cancelled."""
