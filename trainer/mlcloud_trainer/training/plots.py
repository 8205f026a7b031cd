"""Plots for the report, as SVG text that stands in the page itself."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcloud_trainer.training.columns import FloatArray
from mlcloud_trainer.training.untyped import library

BLUE, ORANGE, GREY = "#2563a8", "#c2571a", "#8a8f98"
MAX_ROC_CLASSES = 8
MAX_BARS = 15
MAX_POINTS = 2000


def use_scratch(scratch_dir: Path) -> None:
    """Keep matplotlib's cache out of the user's home; call it before the process's first plot."""
    os.environ.setdefault("MPLCONFIGDIR", str(scratch_dir / "matplotlib"))


def _draw(draw: Callable[[Any], None], name: str, height: float = 3.6) -> str:
    matplotlib, figures = library("matplotlib"), library("matplotlib.figure")
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e4e6ea",
        "axes.axisbelow": True,
    }
    # A glyph that the font lacks in someone's class name is no reason to fail.
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = figures.Figure(figsize=(4.8, height), layout="constrained")
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    svg = text[text.index("<svg") :]
    # Ids are per file, and several plots share one page.
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r' height="[^"]*pt"', "", svg, count=1), count=1
    )


def _plain(text: str, limit: int = 28) -> str:
    """Text as it is, not as a formula, and short."""
    return (text if len(text) <= limit else text[: limit - 1] + "…").replace("$", r"\$")


def roc_curve(truth: FloatArray, probabilities: FloatArray, names: Sequence[str]) -> str:
    """True against false positive rate; of more than two classes, each against the rest."""
    metrics = library("sklearn.metrics")
    shown = [1] if len(names) == 2 else list(range(len(names)))[:MAX_ROC_CLASSES]

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="chance")
        for code in shown:
            positive = truth == code
            if positive.all() or not positive.any():
                continue
            false_rate, true_rate, _ = metrics.roc_curve(positive, probabilities[:, code])
            colour = BLUE if len(shown) == 1 else None
            axes.plot(false_rate, true_rate, label=_plain(names[code]), linewidth=1.8, color=colour)
        axes.set(
            xlabel="False positive rate", ylabel="True positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
        )
        axes.legend(frameon=False, fontsize=8)

    return _draw(draw, "roc")


def calibration(truth: FloatArray, probabilities: FloatArray, names: Sequence[str]) -> str:
    """Predicted probability against how often it came true, in ten bins.

    Of two classes it is the probability of the second, of more that of the predicted class.
    """
    if len(names) == 2:
        scores, hits = probabilities[:, 1], truth == 1
    else:
        scores, hits = probabilities.max(axis=1), truth == probabilities.argmax(axis=1)
    bins = np.minimum((scores * 10).astype(int), 9)
    used = [code for code in range(10) if (bins == code).any()]
    predicted = [float(scores[bins == code].mean()) for code in used]
    observed = [float(hits[bins == code].mean()) for code in used]
    sizes = [18 + 120 * float((bins == code).mean()) for code in used]

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        axes.plot(predicted, observed, color=BLUE, linewidth=1)
        axes.scatter(predicted, observed, s=sizes, color=BLUE)
        subject = _plain(names[1]) if len(names) == 2 else "the predicted class"
        axes.set(xlabel=f"Predicted probability of {subject}", ylabel="Share that came true")

    return _draw(draw, "calibration")


def predicted_against_actual(truth: FloatArray, values: FloatArray) -> str:
    """One point a held-out row; on the line, the prediction is right."""
    low, high = float(min(truth.min(), values.min())), float(max(truth.max(), values.max()))

    def draw(axes: Any) -> None:
        axes.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
        axes.scatter(truth[:MAX_POINTS], values[:MAX_POINTS], s=12, color=BLUE, alpha=0.6, linewidths=0)
        axes.set(xlabel="Actual", ylabel="Predicted")

    return _draw(draw, "predicted")


def residuals(truth: FloatArray, values: FloatArray) -> str:
    """How often the prediction is off by how much."""

    def draw(axes: Any) -> None:
        axes.hist(values - truth, bins=min(30, max(5, len(truth) // 4)), color=BLUE)
        axes.axvline(0.0, color=GREY, linestyle="--", linewidth=1)
        axes.set(xlabel="Predicted minus actual", ylabel="Held-out rows")
        axes.yaxis.get_major_locator().set_params(integer=True)

    return _draw(draw, "residuals")


def bars(names: Sequence[str], values: Sequence[float], meaning: str, name: str) -> str:
    """The values that are largest in size as bars from high to low, orange where negative."""
    largest = sorted(range(len(names)), key=lambda index: -abs(values[index]))[:MAX_BARS]
    order = sorted(largest, key=lambda index: values[index])

    def draw(axes: Any) -> None:
        colours = [BLUE if values[index] >= 0 else ORANGE for index in order]
        axes.barh(
            [_plain(names[index]) for index in order], [values[index] for index in order], color=colours
        )
        axes.set(xlabel=meaning)
        axes.grid(visible=False, axis="y")

    return _draw(draw, name, height=1.0 + 0.26 * len(order))
