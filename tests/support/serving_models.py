"""Trains the models that the serving tests use: `python -m support.serving_models FOLDER`, in one process."""

from __future__ import annotations

import sys
from pathlib import Path

from support.trainer_runs import BREAST_CANCER, make_run, mixed_csv


def main(folder: Path) -> int:
    """Write FOLDER/<name>/model for each model."""
    runs = {
        # 30 numbers, two classes.
        "cancer": make_run(
            folder / "cancer",
            {"estimator": "logistic_regression", "target": "diagnosis"},
            BREAST_CANCER.read_text(encoding="utf-8"),
        ),
        # Text, numbers and booleans with missing values, three classes.
        "mixed": make_run(
            folder / "mixed", {"estimator": "decision_tree", "target": "grade"}, mixed_csv("grade")
        ),
        # The same features, regression.
        "price": make_run(
            folder / "price", {"estimator": "linear_regression", "target": "price"}, mixed_csv("price")
        ),
    }
    return max(run.train() for run in runs.values())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
