"""What can be typed: every command with its arguments. A command's module is imported when it runs."""

import argparse
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from mlcloud.core.errors import nearest

_CHANGES = ("up", "refresh", "destroy")
_STACK = "the stack, as in stacks/Pulumi.STACK.yaml"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; what it returns has ``run``, a function of it."""
    top = _Parser(
        prog="mlcloud",
        description="Machine-learning stacks as code. Local stacks and previews run without the Pulumi CLI.",
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = commands.add_parser
    _add_deploy(add)
    _add_outputs(add)
    _add_predict(add)
    _add_status(add)
    _add_logs(add)
    _add_json(
        _stack_command(
            add,
            "models",
            "models",
            "which versions of the model there are",
            description="List the versions of the stack's model, the latest first, and which one is live.",
        )
    )
    _add_pins(add)
    _add_doctor(add)
    _add_init(add)
    _add_plugin(add)
    env = add(
        "env",
        help="print the exports with which the Pulumi CLI opens the same stacks",
        description='Print what the Pulumi CLI needs to open the same stacks: eval "$(mlcloud env)"',
    )
    env.set_defaults(run=_later("environment", "env"))
    return top


class _Parser(argparse.ArgumentParser):
    """Says which command was probably meant; subcommands have parsers of the same class."""

    def error(self, message: str) -> NoReturn:
        """End with the usage, the message, and the nearest of the choices."""
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        near = nearest(wrong[1], re.findall(r"[\w-]+", wrong[2])) if wrong else None
        super().error(f"{message}. Did you mean `{near}`?" if near else message)


_Add = Callable[..., argparse.ArgumentParser]


def _later(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """Return a command that imports its module only when it runs: the engine takes a second to load."""

    def run(args: argparse.Namespace) -> int:
        return getattr(import_module(f"mlcloud.cli.{module}"), function)(args)

    return run


def _stack_command(add: _Add, name: str, module: str, text: str, **more: Any) -> argparse.ArgumentParser:
    more = {"description": f"{text[0].upper()}{text[1:]}.", **more}
    command = add(name, help=text, **more)
    command.add_argument("stack", metavar="STACK", help=_STACK)
    command.set_defaults(run=_later(module, name))
    return command


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for tools")


def _add_deploy(add: _Add) -> None:
    for name, text in (
        ("up", "make the stack what its program and config say"),
        ("preview", "show what `up` would change, and change nothing"),
        ("refresh", "look at what is really there and take it into the state"),
        ("destroy", "end and delete everything that the stack made"),
    ):
        command = _stack_command(add, name, "deploy", text)
        if name in _CHANGES:
            command.add_argument("--yes", "-y", action="store_true", help="do not ask")
        else:
            _add_json(command)
            command.add_argument(
                "--quotas",
                action="store_true",
                help="ask the account, with your credentials, whether its quotas are large enough",
            )
        command.add_argument("--diff", action="store_true", help="show old and new values of what changes")


def _add_outputs(add: _Add) -> None:
    command = _stack_command(add, "outputs", "outputs", "print the stack's outputs")
    command.add_argument("name", metavar="NAME", nargs="?", help="one output, as bare text")
    command.add_argument("--show-secrets", action="store_true", help="print secrets in plain text")
    _add_json(command)


def _add_predict(add: _Add) -> None:
    command = _stack_command(
        add,
        "predict",
        "serving",
        "ask the endpoint for predictions",
        description="Ask the stack's endpoint for predictions over HTTP.",
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--data", metavar="JSON", help="one row or several: '{\"age\": 40}' or '[{...}, {...}]'"
    )
    source.add_argument(
        "--file", metavar="FILE", type=Path, help="rows as .csv (with a header) or .json; - reads JSON"
    )
    source.add_argument(
        "--sample", action="store_true", help="a real row that the model was not trained on (default)"
    )
    _add_json(command)


def _add_status(add: _Add) -> None:
    command = _stack_command(
        add,
        "status",
        "serving",
        "what is served, and how well",
        description="Show the stack's model and endpoint; the exit status is 1 when it is down.",
    )
    _add_json(command)


def _add_logs(add: _Add) -> None:
    command = _stack_command(
        add,
        "logs",
        "serving",
        "what servers and training runs said",
        description="Print the end of a log, one JSON object a line.",
    )
    command.add_argument("--training", action="store_true", help="of the training run, not of the endpoint")
    command.add_argument(
        "--lines", "-n", type=_line_count, default=50, metavar="N", help="how many (default: 50)"
    )
    command.add_argument(
        "--follow", "-f", action="store_true", help="go on with the lines to come, until Ctrl-C"
    )


def _add_pins(add: _Add) -> None:
    command = add(
        "promote",
        help="pin in TO's stack file what FROM serves",
        description="Write the version that FROM serves into TO's stack file, show the difference, and say "
        "what to run. Nothing else is changed.",
    )
    command.add_argument("source", metavar="FROM", help="the stack that serves it, and is up")
    command.add_argument("stack", metavar="TO", help="the stack that shall serve it")
    _add_dry_run(command)
    command.set_defaults(run=_later("promotion", "promote"))
    command = _stack_command(
        add,
        "rollback",
        "promotion",
        "pin an earlier version in the stack's file",
        description="Write an earlier version into the stack's own file, show the difference, and say what "
        "to run. Nothing else is changed.",
    )
    command.add_argument(
        "version",
        metavar="VERSION",
        nargs="?",
        help="label or hash, or the beginning of one, of `mlcloud models STACK` "
        "(default: what was live before)",
    )
    _add_dry_run(command)


def _add_dry_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="show the difference and write nothing")


def _add_doctor(add: _Add) -> None:
    command = add(
        "doctor",
        help="what this machine has of what stacks need, and how to get the rest",
        description="Look for what stacks need; the exit status is 1 when something needed is missing.",
    )
    command.add_argument("stack", metavar="STACK", nargs="?", help="look for what this stack needs alone")
    command.add_argument("--online", action="store_true", help="ask the clouds whose the credentials are")
    command.set_defaults(run=_later("doctor", "doctor"))
    _add_json(command)


def _add_init(add: _Add) -> None:
    command = add(
        "init",
        help="make a small project of your own",
        description="Write a project that trains and serves at once: on your data, or on a small example.",
    )
    command.add_argument(
        "directory", metavar="DIR", help="a folder that is empty or not there yet; . is this one"
    )
    command.add_argument(
        "--data", metavar="FILE", type=Path, help="your data, .csv or .parquet: it is copied"
    )
    command.add_argument("--target", metavar="COLUMN", help="the column of it that is to be predicted")
    command.set_defaults(run=_later("init", "init"))


def _add_plugin(add: _Add) -> None:
    command = add(
        "plugin", help="where the provider's plugin is", description="Tell of the provider's plugin."
    )
    path = command.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser(
        "path",
        help="print its folder",
        description="Print the folder that a Pulumi project of your own names under plugins.providers.",
    )
    path.set_defaults(run=_later("plugin", "path"))


def _line_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of lines: 0, 1, 2, ...")
    return int(text)
