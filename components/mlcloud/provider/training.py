"""What training runs of every cloud share: their name, their gate, and how the trainer's lines are shown."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

from mlcloud.core.errors import nearest
from mlcloud.core.metrics import METRICS, TASKS_OF, Metric
from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.fields import member_path
from mlcloud.provider.local.log_lines import event_of, printable
from mlcloud.provider.resource import Context

# The same tables by plain names: what a program writes need not be one of them.
_METRICS: Final[Mapping[str, Metric]] = {**METRICS}
_TASKS_OF: Final[Mapping[str, tuple[str, ...]]] = {**TASKS_OF}


def run_name(name: str, data_sha256: str, hyperparameters: Mapping[str, str]) -> str:
    """The name of a run: equal inputs give equal names, so that an interrupted run is found again."""
    identity = json.dumps({"data": data_sha256, "hyperparameters": dict(hyperparameters)}, sort_keys=True)
    return f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def gate_problems(gate: Mapping[str, float], hyperparameters: Mapping[str, str]) -> Sequence[Problem]:
    """A gate must name metrics that this kind of training has."""
    problems: list[Problem] = []
    task = hyperparameters.get("task")
    tasks = _TASKS_OF.get(hyperparameters.get("estimator", ""), ()) if task is None else (task,)
    for name in gate:
        path = member_path("gate", name)
        if not math.isfinite(gate[name]):
            problems.append(Problem(path=path, reason=f"{gate[name]} is not a threshold: give a number."))
        if name not in _METRICS:
            near = nearest(name, _METRICS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(_METRICS)}."
            problems.append(Problem(path=path, reason=f"`{name}` is not a metric: {hint}"))
        elif tasks and _METRICS[name].task not in tasks:
            allowed = ", ".join(other for other, metric in _METRICS.items() if metric.task in tasks)
            reason = f"`{name}` is a metric of {_METRICS[name].task}, and this run does {' or '.join(tasks)}"
            problems.append(Problem(path=path, reason=f"{reason}: use {allowed}."))
    return problems


def pass_gate(gate: Mapping[str, float], metrics: Mapping[str, float], report: object) -> None:
    """Compare every metric with its threshold; all that fail are named at once.

    Args:
        gate: threshold by metric.
        metrics: what was measured.
        report: where people find the model's report.

    Raises:
        ResourceError: the model does not pass.
    """
    failures: list[str] = []
    for name, threshold in gate.items():
        higher_is_better = _METRICS[name].higher_is_better
        demand = f"the gate demands at {'least' if higher_is_better else 'most'} {threshold:g}"
        if name not in metrics:
            measured = f"there are {', '.join(metrics)}" if metrics else "no metric was"
            failures.append(f"{name} was not measured ({measured}), {demand}")
        elif metrics[name] < threshold if higher_is_better else metrics[name] > threshold:
            failures.append(f"{name} is {metrics[name]:.6g}, {demand}")
    if failures:
        raise ResourceError(
            f"The model does not pass its gate: {'; '.join(failures)}. What was served before keeps serving. "
            f"Change data or hyperparameters, or the gate (that does not train again). Report: {report}"
        )


def show_line(context: Context, line: str) -> None:
    """Show one of the trainer's lines: progress in passing, warnings to stay, plain text not at all."""
    event = event_of(line)
    if event is None:
        return
    kind, message = event.get("event"), printable(str(event.get("message", "")))
    if kind == "progress" and "step" in event and "total_steps" in event:
        message = printable(f"[{event['step']}/{event['total_steps']}] {message}")
    elif kind == "metric" and not message:
        message = printable(f"{event.get('name')} = {event.get('value')}")
    if event.get("level") == "warning":
        context.log(message, severity="warning")
    elif message:
        context.log(message, ephemeral=True)
