"""`IMAGE serve` as each platform starts it; test_image_conformance.py asks the whole of the contracts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ImageRun, UnpackedImage
from mlcloud_trainer.manifest import parse_manifest
from support.serving_process import ServerProcess
from test_image_training import first_process

ASK = """
import json, sys, urllib.request
def ask(path, body=None):
    request = urllib.request.Request("http://127.0.0.1:8080" + path, data=body)
    if body: request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [answer.status, answer.read().decode()]
print(json.dumps([ask("/ping"), ask("/invocations", sys.argv[1].encode())]))
"""


@pytest.fixture
def model(trained: ImageRun, tmp_path: Path) -> Path:
    """The trained model where any user can read it, and nobody but root can write."""
    made = tmp_path / "model"
    shutil.copytree(trained.prefix / "model", made)
    for path in [made, *made.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


@contextmanager
def container(command: list[str], variables: dict[str, str]) -> Iterator[ServerProcess]:
    """A server in the foreground, up to `ready`."""
    process = subprocess.Popen(
        command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    server = ServerProcess(process)
    server.start_reading()
    try:
        server.wait_for("ready")
        server.port = int(str(server.events("listening")[0]["port"]))
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        server.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def check_answers(server: ServerProcess, model: Path, route: str, body: str = "instances") -> None:
    manifest = parse_manifest((model / "manifest.json").read_bytes())
    answer = server.post(route, {body: [dict(manifest.smoke.instance)]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["prediction"] == manifest.smoke.prediction


def test_sagemaker_sets_nothing_mounts_the_model_read_only_and_gives_no_network(
    root_image: UnpackedImage, model: Path
) -> None:
    manifest = parse_manifest((model / "manifest.json").read_bytes())
    command = root_image.command("serve", binds=[f"{model}:/opt/ml/model:ro"], network=False)
    with container(command, {}) as server:
        assert server.port == 8080
        assert user_of(server.process.pid) == 0
        assert not os.access(f"/proc/{server.process.pid}/root/opt/ml/model/new", os.F_OK)
        with pytest.raises(OSError, match="Read-only"):
            Path(f"/proc/{server.process.pid}/root/opt/ml/model/new").touch()
        inside = ["nsenter", "--net", "--target", str(server.process.pid), "--", sys.executable, "-c", ASK]
        body = json.dumps({"instances": [dict(manifest.smoke.instance)]})
        done = subprocess.run([*inside, body], capture_output=True, text=True, check=True, timeout=60)
        ping, prediction = json.loads(done.stdout)
        assert ping[0] == 200
        assert json.loads(prediction[1])["predictions"][0]["prediction"] == manifest.smoke.prediction
        assert server.terminate() == 0


def test_sagemakers_serverless_endpoints_run_the_root_target_as_another_user(
    root_image: UnpackedImage, model: Path
) -> None:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-troubleshooting.html (permissions)
    bundle = root_image.changed("serverless", User="993:990")
    command = root_image.command("serve", binds=[f"{model}:/opt/ml/model:ro"], bundle=bundle)
    with container(command, {"MLCLOUD_HTTP_PORT": "0"}) as server:
        assert user_of(server.process.pid) == 993
        check_answers(server, model, "/invocations")
        assert server.terminate() == 0


def user_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid")).split()[1])


def test_vertex_ai_runs_it_as_a_user_without_a_home(nonroot_image: UnpackedImage, model: Path) -> None:
    command = nonroot_image.command("serve", binds=[f"{model}:/gcs/bucket/model:ro"])
    variables = {
        "AIP_STORAGE_URI": "/gcs/bucket/model",
        "AIP_HTTP_PORT": "0",
        "AIP_HEALTH_ROUTE": "/v1/health",
        "AIP_PREDICT_ROUTE": "/v1/predict",
    }
    with container(command, variables) as server:
        assert user_of(server.process.pid) == 10001
        assert environment_of(server.process.pid)["HOME"] == "/"
        assert server.get("/v1/health").status_code == 200
        check_answers(server, model, "/v1/predict")
        assert server.terminate() == 0


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs)


def test_azure_ml_finds_its_model_and_its_routes(nonroot_image: UnpackedImage, model: Path) -> None:
    command = nonroot_image.command("serve", binds=[f"{model}:/var/azureml-app/models/cancer/1:ro"])
    variables = {"AZUREML_MODEL_DIR": "/var/azureml-app/models/cancer/1", "MLCLOUD_HTTP_PORT": "0"}
    with container(command, variables) as server:
        assert {server.get(path).status_code for path in ("/", "/v2/health/live", "/v2/health/ready")} == {
            200
        }
        check_answers(server, model, "/score", "data")
        assert server.terminate() == 0


def test_the_image_and_not_this_environment_answers(nonroot_image: UnpackedImage, model: Path) -> None:
    command = nonroot_image.command("serve", binds=[f"{model}:/opt/ml/model:ro"])
    with container(command, {"MLCLOUD_HTTP_PORT": "0"}) as server:
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "/opt/mlcloud/lib/" in maps
        assert sys.prefix not in maps
        assert environment_of(server.process.pid)["ORT_DISABLE_TELEMETRY"] == "1"


def test_sigterm_to_process_1_is_a_clean_stop(image: UnpackedImage, model: Path) -> None:
    command = ["unshare", "--pid", "--fork", "--kill-child"]
    command += image.command("serve", binds=[f"{model}:/opt/ml/model:ro"])
    with container(command, {"MLCLOUD_HTTP_PORT": "0"}) as server:
        check_answers(server, model, "/invocations")
        os.kill(first_process(server.process), signal.SIGTERM)
        assert server.wait(25) == 0
        assert server.events("draining")


def test_a_model_of_another_hash_is_not_served(image: UnpackedImage, model: Path) -> None:
    done = subprocess.run(
        image.command("serve", binds=[f"{model}:/opt/ml/model:ro"]),
        env={"MLCLOUD_HTTP_PORT": "0", "MLCLOUD_MODEL_SHA256": "0" * 64},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "startup_failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
