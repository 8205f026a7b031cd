"""`IMAGE train` as platforms start it: SageMaker's layout, no network, Vertex AI's variables, a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from conftest import HYPERPARAMETERS, ImageRun, UnpackedImage, lay_out, train
from mlcloud_trainer.manifest import parse_manifest, verify_files
from support.trainer_runs import BREAST_CANCER, events, make_run


def test_sagemaker_gets_a_checked_model_from_the_shipped_data(trained: ImageRun) -> None:
    manifest = parse_manifest((trained.prefix / "model" / "manifest.json").read_bytes())
    verify_files(trained.prefix / "model", manifest)
    assert manifest.metrics["accuracy"] > 0.9
    assert (trained.prefix / "model" / "report.html").stat().st_size > 10_000
    assert not (trained.prefix / "output" / "failure").exists()
    (done,) = events(trained.output, "done")
    assert done["model_dir"] == "/opt/ml/model"
    assert trained.errors == ""


def test_the_image_trains_the_model_that_this_environment_trains(trained: ImageRun, tmp_path: Path) -> None:
    here = make_run(tmp_path / "ml", HYPERPARAMETERS, BREAST_CANCER.read_bytes())
    assert here.train() == 0
    for name in ("model.onnx", "model.skops"):
        assert (here.model_dir / name).read_bytes() == (trained.prefix / "model" / name).read_bytes()


def test_a_failure_is_a_message_in_sagemakers_file_and_exit_code_1(
    image: UnpackedImage, tmp_path: Path
) -> None:
    prefix = lay_out(tmp_path / "ml", HYPERPARAMETERS | {"target": "no_such_column"})
    give(prefix, image)
    done = train(image, prefix)
    assert done.code == 1
    assert "no_such_column" in (prefix / "output" / "failure").read_text()
    assert "Traceback" not in done.errors + done.output


def give(folder: Path, image: UnpackedImage) -> None:
    """A platform's volumes belong to the container's user."""
    user, group = (int(part) for part in image.config["User"].split(":"))
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, group)


def test_a_user_without_an_account_or_a_home_trains_to_vertex_ais_folder(
    nonroot_image: UnpackedImage, tmp_path: Path
) -> None:
    assert "10001" not in (nonroot_image.root / "etc/passwd").read_text()
    prefix = lay_out(tmp_path / "ml", HYPERPARAMETERS)
    give(prefix, nonroot_image)
    done = train(nonroot_image, prefix, {"AIP_MODEL_DIR": "/opt/ml/output/vertex"})
    assert done.code == 0, done.errors
    model = prefix / "output" / "vertex"
    verify_files(model, parse_manifest((model / "manifest.json").read_bytes()))
    assert {path.stat().st_uid for path in model.iterdir()} == {10001}
    assert not list((prefix / "model").iterdir())
    # Libraries that keep caches below a home found another place, or none.
    assert done.errors == ""
    assert [line for line in events(done.output) if line["level"] != "info"] == []


def test_a_wrong_command_is_explained(image: UnpackedImage) -> None:
    done = subprocess.run(image.command("trian"), capture_output=True, text=True, check=False, env={})
    assert done.returncode == 2
    assert 'no command "trian"' in done.stderr
    assert "usage:" in done.stderr


def test_arguments_that_serve_does_not_know_are_refused(image: UnpackedImage) -> None:
    done = subprocess.run(
        image.command("serve", "--port", "1"), capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 2
    assert "--port" in done.stderr


def test_a_stop_ends_training_that_is_process_1(root_image: UnpackedImage, tmp_path: Path) -> None:
    slow = {"estimator": "random_forest", "estimator.n_estimators": "20000"}
    prefix = lay_out(tmp_path / "ml", HYPERPARAMETERS | slow)
    command = ["unshare", "--pid", "--fork", "--kill-child"]
    command += root_image.command("train", binds=[f"{prefix}:/opt/ml"], network=False)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={}, text=True) as outer:
        try:
            assert outer.stdout is not None
            for line in outer.stdout:
                if json.loads(line)["event"] == "progress":
                    break
            time.sleep(0.5)
            first = first_process(outer)
            started = time.monotonic()
            os.kill(first, signal.SIGTERM)
            outer.stdout.read()
            assert outer.wait(20) == 143
            assert time.monotonic() - started < 10
            assert not (prefix / "model" / "manifest.json").exists()
        finally:
            outer.kill()


def first_process(outer: subprocess.Popen[str]) -> int:
    """The process id, outside, of the one that is process 1 inside."""
    (child,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
    (line,) = [
        line for line in Path(f"/proc/{child}/status").read_text().splitlines() if line.startswith("NSpid")
    ]
    assert line.split()[-1] == "1"
    return int(child)
