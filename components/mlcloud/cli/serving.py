"""predict, status and logs: what people do with a stack that is up."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from mlcloud.cli.commands import AddCommand, terminal
from mlcloud.cli.deploy import stack_outputs
from mlcloud.cli.rows import rows_of, rows_of_file, rows_of_json
from mlcloud.core.operations import EndpointStatus, operations_of

_STATE_STYLE = {"serving": "bold green", "starting": "bold yellow", "down": "bold red"}


def add_commands(add_command: AddCommand) -> None:
    """Add the three commands to the parser."""
    predict_command = add_command(
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

    status_command = add_command(
        "status", help="what is served, and how well", description="Show the stack's model and endpoint."
    )
    status_command.add_argument("--json", action="store_true", help="print JSON, for tools")
    status_command.set_defaults(run=status)

    logs_command = add_command(
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
    if args.data is not None:
        rows = rows_of_json(args.data, "--data")
    elif args.file is not None:
        rows = rows_of_file(args.file, sys.stdin)
    else:
        held_out = operations.sample(values)
        rows, expected = rows_of([held_out.instance]), [held_out.expected]
    answer = operations.predict(values, rows.body, content_type=rows.content_type)
    if args.json:
        found = {"predictions": answer.predictions, "model_version": answer.model_version}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    console = terminal()
    console.print(Text(f"POST {values['endpoint_url']}/invocations", style="bold"), soft_wrap=True)
    for number, (row, prediction) in enumerate(zip(rows.shown, answer.predictions, strict=True)):
        _print_pair(console, "row", row)
        _print_pair(console, "prediction", _prediction_text(prediction), style="bold")
        if expected is not None:
            _print_pair(
                console, "evaluation", f"{_text(expected[number])} for this row, which training did not see"
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
        _print_status(terminal(), args.stack, values, found)
    return 1 if found.state == "down" else 0


def logs(args: argparse.Namespace) -> int:
    """Print the end of a log."""
    values = stack_outputs(args.stack)
    source = "training" if args.training else "endpoint"
    for line in operations_of(values).logs(values, source=source, lines=args.lines, follow=args.follow):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


def _print_pair(console: Console, label: str, text: str, *, style: str = "") -> None:
    console.print(Text(f"  {label:<10}  ", style="dim") + Text(text, style=style), soft_wrap=True)


def _prediction_text(prediction: Any) -> str:
    """Return a prediction as people read it: `malignant (benign 0.0001, malignant 0.9999)`."""
    if not isinstance(prediction, dict):
        return _text(prediction)
    found = cast("dict[str, Any]", prediction)
    probabilities = cast("dict[str, float]", found.get("probabilities") or {})
    shares = ", ".join(f"{label} {share:.4f}" for label, share in probabilities.items())
    return f"{_text(found.get('prediction'))} ({shares})" if shares else _text(found.get("prediction"))


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
        ("endpoint", found.url),
        ("model", f"{values.get('model_name', '')} {found.model_version}".strip()),
        ("replicas", str(found.replicas)),
        ("requests", f"{found.requests}, {found.errors} of them failed"),
        *((label, text) for label, text in found.more.items()),
    ]
    metrics: dict[str, float] = values.get("metrics") or {}
    rows += [(name, f"{value:.4f}") for name, value in sorted(metrics.items())]
    if values.get("report"):
        rows.append(("report", str(values["report"])))
    console.print(
        Text(f"{stack}: ", style="bold") + Text(found.state, style=_STATE_STYLE.get(found.state, "bold"))
    )
    for label, text in rows:
        _print_pair(console, label, text)
    if found.detail:
        console.print(Text(f"  {found.detail}", style="red"), soft_wrap=True)
