"""The entry point of the command line: parses, runs one command, and ends every failure in words."""

import argparse
import sys
from collections.abc import Sequence

from mlcloud.cli import deploy, environment, serving
from mlcloud.core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. The state is saved; `mlcloud up STACK` goes on from there.\n")
        return 130
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlcloud",
        description="Machine-learning stacks as code. Local stacks and previews run without the Pulumi CLI.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    deploy.add_commands(commands.add_parser)
    serving.add_commands(commands.add_parser)
    environment.add_commands(commands.add_parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
