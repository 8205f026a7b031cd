"""The `mlcloud` command line."""

from typing import Final

INTERRUPTED: Final = 130
"""The exit status of a command that Ctrl-C has ended: 128 and the signal's number."""
