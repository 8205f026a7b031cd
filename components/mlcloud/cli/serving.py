"""predict, status and logs: what people do with a stack that is up."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from mlcloud.cli.outputs import near_path, number_text, outputs_of
from mlcloud.cli.rows import row_text, rows_of, rows_of_file, rows_of_json
from mlcloud.cli.terminal import terminal
from mlcloud.core.operations import EndpointStatus, operations_of

_TEXT_COLUMN = 14
"""Where the text behind a label begins."""

_STATE_STYLE = {"serving": "bold green", "unsupervised": "bold red", "down": "bold red"}


def predict(args: argparse.Namespace) -> int:
    """Send rows to the endpoint and print what it answers."""
    values = outputs_of(args.stack)
    operations = operations_of(values)
    expected: Any = None
    if args.data is not None:
        rows = rows_of_json(args.data, "--data")
    elif args.file is not None:
        rows = rows_of_file(args.file, sys.stdin)
    else:
        held_out = operations.sample(values)
        rows, expected = rows_of([held_out.instance]), held_out.expected
    answer = operations.predict(values, rows.body, content_type=rows.content_type)
    if args.json:
        found = {"predictions": answer.predictions, "model_version": answer.model_version}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    console = terminal()
    console.print(Text(f"POST {values['endpoint_url']}/invocations", style="bold"), soft_wrap=True)
    if len(rows.rows) == len(answer.predictions) == 1:
        _print_pair(console, "row", row_text(rows.rows[0], console.width - _TEXT_COLUMN))
        _print_pair(console, "prediction", _prediction_text(answer.predictions[0]), style="bold")
    else:
        _print_table(console, rows.rows, answer.predictions)
    if expected is not None:
        _print_pair(console, "evaluation", f"{_text(expected)}; training did not see this row")
    console.print(Text(f"  version {answer.model_version}, {answer.duration_ms:.0f} ms", style="dim"))
    return 0


def status(args: argparse.Namespace) -> int:
    """Print the live model, its metrics and its endpoint's state; the exit status is 1 when it is down."""
    values = outputs_of(args.stack)
    found = operations_of(values).status(values)
    if args.json:
        sys.stdout.write(
            json.dumps({"endpoint": _plain(found), "outputs": values}, indent=2, sort_keys=True) + "\n"
        )
    else:
        _print_status(terminal(), args.stack, values, found)
    return 1 if found.state == "down" else 0


def logs(args: argparse.Namespace) -> int:
    """Print the end of a log; Ctrl-C is how following it ends, so nothing is said of it."""
    values = outputs_of(args.stack)
    source = "training" if args.training else "endpoint"
    try:
        for line in operations_of(values).logs(values, source=source, lines=args.lines, follow=args.follow):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        if not args.follow:
            raise
    return 0


def _print_table(console: Console, rows: Sequence[Any], predictions: Sequence[Any]) -> None:
    """Print one line a row: its number, what is predicted, and as much of the row as has room."""
    texts = [_prediction_text(prediction) for prediction in predictions]
    digits, width = len(str(len(texts))), max((len(text) for text in texts), default=0)
    # Should the server count a file's rows in another way, no prediction may stand beside a wrong row.
    paired = len(rows) == len(texts)
    for number, text in enumerate(texts, start=1):
        line = Text(f"  {number:>{digits}}  ", style="dim") + Text(f"{text:<{width}}  ", style="bold")
        if paired:
            line.append(row_text(rows[number - 1], console.width - line.cell_len), style="dim")
        console.print(line, soft_wrap=True)


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
    if isinstance(value, float):
        return number_text(value)
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
    rows += [(name, number_text(value)) for name, value in sorted(metrics.items())]
    if values.get("report"):
        rows.append(("report", near_path(str(values["report"]))))
    console.print(
        Text(f"{stack}: ", style="bold")
        + Text(found.state, style=_STATE_STYLE.get(found.state, "bold yellow"))
    )
    for label, text in rows:
        _print_pair(console, label, text)
    if found.detail:
        told = found.detail.replace("STACK", stack)
        console.print(Text(f"  {told}", style="red"), soft_wrap=True)
