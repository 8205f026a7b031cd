"""The command `mlcloud-trainer train` as a platform runs it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from mlcloud_trainer.__main__ import main
from mlcloud_trainer.manifest import model_hash
from support.trainer_runs import BREAST_CANCER, events, make_run, mixed_csv

COMMAND = [sys.executable, "-m", "mlcloud_trainer", "train", "--prefix"]
SETTINGS = {"estimator": "logistic_regression", "target": "diagnosis"}


def test_sagemakers_layout_is_read_and_written(tmp_path):
    made = make_run(
        tmp_path / "ml", {**SETTINGS, "sagemaker_region": '"eu-west-1"'}, BREAST_CANCER.read_bytes()
    )
    config = made.prefix / "input" / "config"
    (config / "inputdataconfig.json").write_text(json.dumps({"train": {"TrainingInputMode": "File"}}))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
    made.model_dir.mkdir()
    (made.model_dir / "someone-elses.txt").write_text("stays")
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MPL", "XDG", "AIP"))
    }
    done = subprocess.run(
        [*COMMAND, str(made.prefix)],
        env={**environment, "HOME": str(home), "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert sorted(path.name for path in made.model_dir.iterdir()) == [
        "manifest.json",
        "model.onnx",
        "model.skops",
        "report.html",
        "someone-elses.txt",
    ]
    assert list(home.rglob("*")) == []
    assert not (made.prefix / "output").exists()
    finished = events(done.stdout, "done")[0]
    assert finished["sha256"] == model_hash((made.model_dir / "manifest.json").read_bytes())
    assert finished["model_dir"] == str(made.model_dir)
    assert all({"time", "level", "event", "message"} <= set(line) for line in events(done.stdout))
    assert made.manifest().metrics["accuracy"] > 0.95


def test_sigterm_ends_training_at_once_and_leaves_no_model(tmp_path):
    slow = {"estimator": "random_forest", "target": "diagnosis", "estimator.n_estimators": "1000000"}
    made = make_run(tmp_path, slow, BREAST_CANCER.read_bytes())
    with subprocess.Popen([*COMMAND, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Fitting" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        # All of the trees take hours.
        assert process.wait(timeout=90) == 143
    assert list(made.model_dir.iterdir()) == []


def test_of_several_hosts_only_the_first_trains(tmp_path, capsys):
    made = make_run(tmp_path, {"estimator": "decision_tree", "target": "grade"}, mixed_csv("grade"))
    resources = {"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}
    (tmp_path / "input" / "config" / "resourceconfig.json").write_text(json.dumps(resources))
    assert made.train() == 0
    assert not made.model_dir.exists()
    assert "Another host" in capsys.readouterr().out


def test_the_only_channel_is_used_whatever_its_name(tmp_path, capsys):
    made = make_run(tmp_path, {"estimator": "decision_tree", "target": "grade"})
    made.add_file(mixed_csv("grade"), name="part/a.CSV".replace("part/", ""), channel="training")
    assert made.train() == 0


def test_a_model_folder_that_cannot_be_written_is_told(tmp_path, capsys):
    made = make_run(tmp_path, {"estimator": "decision_tree", "target": "grade"}, mixed_csv("grade"))
    made.model_dir.write_text("a file is in the way")
    assert made.train() == 1
    assert f"{made.model_dir}" in made.failure()
    assert "Not a directory" in made.failure()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "a command is missing"),
        (["trian"], 2, 'there is no command "trian"'),
        (["--help"], 0, "usage: mlcloud-trainer"),
    ],
)
def test_a_wrong_command_line_is_answered_with_usage(arguments, code, text, capsys):
    assert main(arguments) == code
    output = capsys.readouterr()
    assert text in output.out + output.err
    assert "train [--prefix DIR]" in output.out + output.err


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "mlcloud_trainer.training.run",
            ("uvicorn", "uvloop", "matplotlib", "onnxruntime", "skops", "sklearn", "pandas"),
        ),
        ("mlcloud_trainer.manifest", ("numpy", "sklearn", "pandas", "onnxruntime", "uvicorn")),
        ("mlcloud_trainer.serving.main", ("sklearn", "pandas", "matplotlib", "skops", "pyarrow", "onnx")),
    ],
)
def test_what_is_not_needed_is_not_imported(module, absent):
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.strip() == "[]"
