"""Where the command line prints for people."""

import sys

from rich.console import Console


def terminal() -> Console:
    """Return the console of the standard output.

    It keeps the stream of this moment: while a program runs, the engine puts another one in its place.
    """
    return Console(file=sys.stdout, highlight=False)
