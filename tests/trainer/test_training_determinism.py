"""Equal inputs give equal bytes, whatever the process."""

import os
import subprocess
import sys
from pathlib import Path

from support.trainer_runs import TrainerRun, make_run, mixed_csv

FILES = ("manifest.json", "model.skops", "model.onnx", "report.html")
ESTIMATORS = {
    "logistic_regression": {},
    "random_forest": {"estimator.n_estimators": "5"},
    "gradient_boosting": {"estimator.n_estimators": "4", "estimator.subsample": "0.7"},
    "svm": {},
}
CODE = """
import sys
from pathlib import Path
from mlcloud_trainer.training.main import run
from mlcloud_trainer.training.platforms import find_layout
sys.exit(max(run(find_layout(Path(prefix), {})) for prefix in sys.argv[1:]))
"""


def files_of(run: TrainerRun) -> dict[str, bytes]:
    return {name: (run.model_dir / name).read_bytes() for name in FILES}


def train_in_one_process(folder: Path, hash_seed: str) -> dict[str, TrainerRun]:
    """Each estimator in one new process; the other hash seed means another order and number of threads."""
    made = {
        name: make_run(folder / name, {"estimator": name, "target": "grade", **more}, mixed_csv("grade"))
        for name, more in ESTIMATORS.items()
    }
    prefixes = [str(run.prefix) for run in made.values()]
    command = [sys.executable, "-c", CODE, *(prefixes if hash_seed == "1" else prefixes[::-1])]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": hash_seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return made


def test_two_processes_write_the_same_bytes_and_another_seed_does_not(tmp_path, capsys):
    first = train_in_one_process(tmp_path / "first", "1")
    second = train_in_one_process(tmp_path / "second", "2")
    for estimator in ESTIMATORS:
        one, two = files_of(first[estimator]), files_of(second[estimator])
        assert [(estimator, name) for name in FILES if one[name] != two[name]] == []
    settings = {"estimator": "svm", "target": "grade", "seed": "1"}
    other = make_run(tmp_path / "other", settings, mixed_csv("grade"))
    assert other.train() == 0
    assert files_of(other)["manifest.json"] != files_of(first["svm"])["manifest.json"]
