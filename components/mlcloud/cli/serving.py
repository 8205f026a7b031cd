"""predict, status and logs: what people do with a stack that is up."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.cli.deploy import stack_outputs
from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, operations_of

_FEATURES_SHOWN = 6
_STATE_STYLE = {"serving": "bold green", "starting": "bold yellow", "down": "bold red"}


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the three commands to the parser."""
    predict_command = commands.add_parser(
        "predict",
        help="ask the endpoint for predictions",
        description="Ask the stack's endpoint for predictions over HTTP.",
    )
    source = predict_command.add_mutually_exclusive_group()
    source.add_argument(
        "--data", metavar="JSON", help="one row or several: '{\"age\": 40}' or '[{...}, {...}]'"
    )
    source.add_argument(
        "--file", metavar="FILE", type=Path, help="rows as .csv (with a header) or .json; - reads JSON"
    )
    source.add_argument(
        "--sample", action="store_true", help="a real row that the model was not trained on (default)"
    )
    predict_command.add_argument("--json", action="store_true", help="print JSON, for tools")
    predict_command.set_defaults(run=predict)

    status_command = commands.add_parser(
        "status", help="what is served, and how well", description="Show the stack's model and endpoint."
    )
    status_command.add_argument("--json", action="store_true", help="print JSON, for tools")
    status_command.set_defaults(run=status)

    logs_command = commands.add_parser(
        "logs", help="what servers and training runs said", description="Print the end of a log."
    )
    logs_command.add_argument(
        "--training", action="store_true", help="of the training run, not of the endpoint"
    )
    logs_command.add_argument(
        "--lines", "-n", type=int, default=50, metavar="N", help="how many (default: 50)"
    )
    logs_command.add_argument(
        "--follow", "-f", action="store_true", help="go on with the lines to come, until Ctrl-C"
    )
    logs_command.set_defaults(run=logs)
    for command in (predict_command, status_command, logs_command):
        command.add_argument("stack", metavar="STACK", help="the stack, as in stacks/Pulumi.STACK.yaml")


def predict(args: argparse.Namespace) -> int:
    """Send rows to the endpoint and print what it answers."""
    values = stack_outputs(args.stack)
    operations = operations_of(values)
    expected: list[Any] | None = None
    if args.data is None and args.file is None:
        held_out = operations.sample(values)
        instances, expected = [held_out.instance], [held_out.expected]
    else:
        instances = _rows(args)
    answer = operations.predict(values, instances)
    if args.json:
        sys.stdout.write(
            json.dumps({"predictions": answer.predictions, "model_version": answer.model_version}, indent=2)
            + "\n"
        )
        return 0
    console = Console()
    console.print(Text(f"POST {values['endpoint_url']}/invocations", style="bold"))
    for number, (instance, prediction) in enumerate(zip(instances, answer.predictions, strict=True)):
        console.print(Text("  row         ", style="dim") + Text(_instance_text(instance)), soft_wrap=True)
        console.print(
            Text("  prediction  ", style="dim") + Text(_text(prediction), style="bold"), soft_wrap=True
        )
        if expected is not None:
            console.print(
                Text("  as in the evaluation: ", style="dim") + Text(_text(expected[number])), soft_wrap=True
            )
    console.print(Text(f"  version {answer.model_version}, {answer.duration_ms:.0f} ms", style="dim"))
    return 0


def status(args: argparse.Namespace) -> int:
    """Print the live model, its metrics and its endpoint's state; the exit status is 1 when it is down."""
    values = stack_outputs(args.stack)
    found = operations_of(values).status(values)
    if args.json:
        sys.stdout.write(
            json.dumps({"endpoint": _plain(found), "outputs": values}, indent=2, sort_keys=True) + "\n"
        )
    else:
        _print_status(Console(), args.stack, values, found)
    return 1 if found.state == "down" else 0


def logs(args: argparse.Namespace) -> int:
    """Print the end of a log."""
    values = stack_outputs(args.stack)
    source = "training" if args.training else "endpoint"
    for line in operations_of(values).logs(values, source=source, lines=args.lines, follow=args.follow):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


def _rows(args: argparse.Namespace) -> list[Any]:
    if args.data is not None:
        return _parsed(args.data, "--data")
    if str(args.file) == "-":
        return _parsed(sys.stdin.read(), "the standard input")
    try:
        text = args.file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{args.file} cannot be read: {error.strerror}.") from None
    if args.file.suffix == ".csv":
        return [
            {name: _cell(cell) for name, cell in row.items()} for row in csv.DictReader(text.splitlines())
        ]
    return _parsed(text, str(args.file))


def _parsed(text: str, where: str) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f'{where} is not JSON ({error}). One row is an object: {{"age": 40}}') from None
    if isinstance(value, dict) and "instances" in value:
        value = value["instances"]
    return value if isinstance(value, list) else [value]


def _cell(text: str) -> Any:
    """Return a cell as the value it was trained with: empty is missing, a number is a number."""
    if text == "":
        return None
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _instance_text(instance: Any) -> str:
    if not isinstance(instance, dict):
        return _text(instance)
    shown = ", ".join(f"{name}={value}" for name, value in list(instance.items())[:_FEATURES_SHOWN])
    more = len(instance) - _FEATURES_SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(found: EndpointStatus) -> dict[str, Any]:
    return {
        "state": found.state,
        "url": found.url,
        "model_version": found.model_version,
        "replicas": found.replicas,
        "requests": found.requests,
        "errors": found.errors,
        "detail": found.detail,
        **dict(found.more),
    }


def _print_status(console: Console, stack: str, values: dict[str, Any], found: EndpointStatus) -> None:
    rows = [
        ("endpoint", Text(found.url)),
        ("model", Text(f"{values.get('model_name', '')} {found.model_version}".strip())),
        ("replicas", Text(str(found.replicas))),
        ("requests", Text(f"{found.requests}, {found.errors} of them failed")),
        *((label, Text(text)) for label, text in found.more.items()),
    ]
    metrics = values.get("metrics") or {}
    rows += [(name, Text(f"{value:.4f}")) for name, value in sorted(metrics.items())]
    if values.get("report"):
        rows.append(("report", Text(str(values["report"]))))
    console.print(
        Text(f"{stack}: ", style="bold") + Text(found.state, style=_STATE_STYLE.get(found.state, "bold"))
    )
    for label, text in rows:
        console.print(Text(f"  {label:<10}  ", style="dim") + text, soft_wrap=True)
    if found.detail:
        console.print(Text(f"  {found.detail}", style="red"), soft_wrap=True)
