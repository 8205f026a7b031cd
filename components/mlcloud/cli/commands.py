"""What the modules of the command line share: how a command is added, and where it prints."""

import argparse
import sys
from collections.abc import Callable

from rich.console import Console

AddCommand = Callable[..., argparse.ArgumentParser]
"""Adds a command by name and returns its parser (``add_parser`` of argparse); each sets ``run``."""


def terminal() -> Console:
    """Return the console of the standard output.

    It keeps the stream of this moment: while a program runs, the engine puts another one in its place.
    """
    return Console(file=sys.stdout, highlight=False)
