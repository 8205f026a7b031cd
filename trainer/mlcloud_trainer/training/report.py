"""The model's report: one HTML file with everything in it, readable on a phone."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Manifest
from mlcloud_trainer.training import plots
from mlcloud_trainer.training.columns import Column, FloatArray
from mlcloud_trainer.training.importance import permutation_importance
from mlcloud_trainer.training.predictor import Answers

METRIC_TEXTS = {
    "accuracy": "share of rows with the right class",
    "precision": "of the rows predicted as {positive}, the share that is",
    "recall": "of the rows that are {positive}, the share that is found",
    "f1": "harmonic mean of precision and recall",
    "roc_auc": "chance that a row of a class scores higher than a row of another; 0.5 is guessing",
    "log_loss": "penalty for confident mistakes; 0 is perfect",
    "mae": "mean absolute error, in units of the target",
    "rmse": "root of the mean squared error, in units of the target",
    "r2": "share of the target's variance that is explained; 0 is always guessing the mean",
}
MAX_MATRIX_CLASSES = 20
_HASH = re.compile("[0-9a-f]{64}")

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 0 auto; padding: 1rem;
  max-width: 60rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0 .75rem; }
.quiet { color: #5b6472; font-size: .875rem; }
code { font-size: .8125rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid #e4e6ea; }
thead th { color: #5b6472; font-size: .875rem; font-weight: 600; }
td:last-child { min-width: 6.5rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.hash { overflow-wrap: anywhere; font: .8125rem/1.5 ui-monospace, monospace; }
.matrix th { border: 0; font-weight: 600; vertical-align: middle; }
.matrix tr:first-child th { text-align: center; padding: .3rem .5rem; }
.matrix td { text-align: center; min-width: 3rem; padding: .5rem; border: 1px solid #fff; }
.plots { display: grid; gap: 1.5rem 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: .9rem; }
svg { width: 100%; height: auto; }
@media (max-width: 30rem) { table { font-size: .875rem; } th, td { padding-right: .6rem; } }
.warning { background: #fff4e5; border-left: 4px solid #c2571a; padding: .5rem .75rem; }
"""


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """What the report is about.

    Attributes:
        manifest: Everything that the manifest says.
        model_hash: The model's hash.
        columns: The features with their values.
        truth: The target of the held-out rows.
        answers: The model's answers for them.
        pipeline: The fitted pipeline.
        held_out: Their features.
    """

    manifest: Manifest
    model_hash: str
    columns: Sequence[Column]
    truth: FloatArray
    answers: Answers
    pipeline: Any
    held_out: NDArray[Any]


def render_report(report: ReportInput, scratch_dir: Path) -> bytes:
    """The bytes of `report.html`."""
    plots.use_scratch(scratch_dir)
    manifest = report.manifest
    estimator = "support vector machine" if manifest.estimator == "svm" else manifest.estimator
    title = f"{estimator.replace('_', ' ')} predicting {manifest.target}"
    body = "".join(
        (
            _summary(report, title),
            _metrics(manifest),
            _confusion(manifest),
            _figures(report),
            _data(report),
            _settings(manifest),
            _export(manifest),
        )
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
    return page.encode()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; numbers stand to the right, and so do their heads. Text is escaped, long names may break."""

    def kind(value: object) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return ' class="number"'
        return ' class="hash"' if isinstance(value, str) and _HASH.fullmatch(value) else ""

    def line(values: Sequence[object]) -> str:
        return "".join(f"<td{kind(value)}>{_text(value).replace('_', '_<wbr>')}</td>" for value in values)

    # A column's first value tells whether its head stands to the right, too.
    kinds = [kind(value) for value in rows[0]] if rows else [""] * len(head)
    top = "".join(f"<th{attribute}>{_text(name)}</th>" for attribute, name in zip(kinds, head, strict=True))
    body = "".join(f"<tr>{line(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _summary(report: ReportInput, title: str) -> str:
    manifest, data = report.manifest, report.manifest.data
    classes = f" into {len(manifest.classes)} classes" if manifest.classes else ""
    return (
        f"<h1>{_text(title[0].upper() + title[1:])}</h1>"
        f"<p>{_text(manifest.task.capitalize())}{classes}, trained on {data.train_rows} rows with "
        f"{len(manifest.inputs)} features and measured on {data.test_rows} held-out rows.</p>"
        f'<p class="quiet">Model <code>{report.model_hash}</code><br>'
        f"Data <code>{_text(data.sha256)}</code></p>"
    )


def _metrics(manifest: Manifest) -> str:
    positive = manifest.positive_class
    subject = "a class (mean over classes)" if positive is None else str(_text(positive))
    rows = [
        (name, _rounded(value), METRIC_TEXTS[name].format(positive=subject))
        for name, value in manifest.metrics.items()
    ]
    note = "" if positive is None else f'<p class="quiet">The positive class is {_text(positive)}.</p>'
    return "<h2>Metrics on held-out rows</h2>" + _table(("metric", "value", "meaning"), rows) + note


def _rounded(value: float) -> float:
    """A metric as people compare it: four decimals of a share; the manifest has them all."""
    return round(value, 4) if abs(value) < 1 else value


def _confusion(manifest: Manifest) -> str:
    matrix = manifest.confusion_matrix
    if matrix is None:
        return ""
    if len(matrix.labels) > MAX_MATRIX_CLASSES:
        return (
            f'<p class="quiet">The confusion matrix of {len(matrix.labels)} classes is in manifest.json.</p>'
        )
    head = "".join(f"<th>{_text(label)}</th>" for label in matrix.labels)
    lines: list[str] = []
    for label, counts in zip(matrix.labels, matrix.counts, strict=True):
        total = sum(counts) or 1
        cells = "".join(
            f'<td style="background:rgba(37,99,168,{0.05 + 0.55 * count / total:.2f})">{count}</td>'
            for count in counts
        )
        lines.append(f"<tr><th>{_text(label)}</th>{cells}</tr>")
    return (
        "<h2>Confusion matrix</h2><p>Rows are true classes, columns are predicted ones.</p>"
        f'<div class="scroll"><table class="matrix"><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'
    )


def _figures(report: ReportInput) -> str:
    manifest, answers = report.manifest, report.answers
    figures: list[tuple[str, str]] = []
    if answers.probabilities is None:
        figures.append(("Predicted and actual", plots.predicted_against_actual(report.truth, answers.values)))
        figures.append(("Residuals", plots.residuals(report.truth, answers.values)))
    else:
        names = [str(name) for name in manifest.classes or ()]
        figures.append(("ROC curve", plots.roc_curve(report.truth, answers.probabilities, names)))
        figures.append(("Calibration", plots.calibration(report.truth, answers.probabilities, names)))
    importance = permutation_importance(report.pipeline, manifest.task, report.held_out, report.truth)
    if importance is not None:
        names = [column.name for column in report.columns]
        picture = plots.bars(names, importance.values, importance.meaning, "importance")
        figures.append(("What the model relies on", picture))
    if (weights := _coefficients(report)) is not None:
        picture = plots.bars(*weights, "Weight", "coefficients")
        figures.append(("Coefficients of the scaled features", picture))
    drawn = "".join(f"<figure><figcaption>{name}</figcaption>{svg}</figure>" for name, svg in figures)
    return f'<h2>Plots</h2><div class="plots">{drawn}</div>'


def _coefficients(report: ReportInput) -> tuple[list[str], list[float]] | None:
    """Names and weights of a linear model with one row of weights."""
    weights = getattr(report.pipeline.named_steps["estimator"], "coef_", None)
    if weights is None or len(np.atleast_2d(weights)) != 1:
        return None
    names = [column.name for column in report.columns]
    full = report.pipeline.named_steps["prepare"].get_feature_names_out(names)
    plain = [str(name).split("__", 1)[1] for name in full]
    return plain, cast("list[float]", np.atleast_2d(weights)[0].tolist())


def _data(report: ReportInput) -> str:
    data = report.manifest.data
    rows = [
        (column.name, column.type or "", int(column.missing.sum()), _describe(column))
        for column in report.columns
    ]
    text = f"<h2>Data</h2><p>{data.rows} rows with a target, {data.columns} columns.</p>"
    text += _table(("feature", "type", "missing", "values"), rows)
    if data.dropped:
        text += "<h2>Columns left out</h2>"
        text += _table(
            ("column", "why"), [(column.name or "(no name)", column.reason) for column in data.dropped]
        )
    return text


def _describe(column: Column) -> str:
    if column.type == "string":
        values = cast("list[str]", column.values[~column.missing].tolist())
        counts = sorted(
            ((values.count(name), name) for name in set(values)), key=lambda item: (-item[0], item[1])
        )
        more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
        return ", ".join(f"{name} ({count})" for count, name in counts[:5]) + more
    numbers = cast(FloatArray, column.values)[~column.missing]
    if column.type == "boolean":
        return f"true {int(numbers.sum())}, false {int((1 - numbers).sum())}"
    return f"{numbers.min():.6g} to {numbers.max():.6g}, median {np.median(numbers):.6g}"


def _settings(manifest: Manifest) -> str:
    settings = manifest.settings
    rows: list[tuple[str, object]] = [
        ("estimator", manifest.estimator),
        ("test_size", str(settings.test_size)),
        ("seed", str(settings.seed)),
    ]
    for name, value in manifest.hyperparameters.items():
        rows.append((f"estimator.{name}", value if isinstance(value, str) else json.dumps(value)))
    return "<h2>Settings</h2>" + _table(("setting", "value"), rows)


def _export(manifest: Manifest) -> str:
    parity = manifest.parity
    if parity.holds:
        verdict = (
            f"<p>ONNX serves: it answers as scikit-learn does on {parity.rows} rows, some with missing, "
            f"unknown and extreme values. Largest difference: {_text(parity.max_abs_difference)}.</p>"
        )
    else:
        verdict = (
            f'<p class="warning">There is no ONNX file, scikit-learn serves: {_text(parity.reason)}.</p>'
        )
    files = [(name, entry.bytes, entry.sha256) for name, entry in sorted(manifest.files.items())]
    return (
        f"<h2>Files</h2>{verdict}{_table(('file', 'bytes', 'SHA-256'), files)}"
        f"<h2>Versions</h2>{_table(('library', 'version'), sorted(manifest.versions.items()))}"
    )
