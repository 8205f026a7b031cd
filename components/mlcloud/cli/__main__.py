"""The entry point of the command line: parses, runs one command, and ends every failure in words."""

import argparse
import gc
import os
import re
import sys
from collections.abc import Sequence

from mlcloud.cli import INTERRUPTED
from mlcloud.cli.arguments import parser
from mlcloud.core.errors import UserError

_NEW_OBJECTS = 20_000
"""How many are made between two looks for garbage. Hundreds of thousands of a cloud's SDK stay to the end:
looking through them as often as Python does by default takes a sixth of a preview's time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    gc.set_threshold(_NEW_OBJECTS)
    top = parser()
    if not words:
        top.print_help()
        return 2
    args = top.parse_args(words)
    try:
        status = args.run(args)
        sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"error: {_named(str(error), args)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has gone; what Python would still write at its end has nowhere to go, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _named(message: str, args: argparse.Namespace) -> str:
    """Put the stack's name into the commands of a message: a library does not know it and says STACK."""
    return re.sub(r"(`mlcloud \w+ )STACK\b", lambda found: found[1] + args.stack, message)


if __name__ == "__main__":
    sys.exit(main())
