"""The command `train` with data and model in object storage, as a job of a cloud without mounts runs it."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlcloud_trainer.manifest import model_hash, parse_manifest
from mlcloud_trainer.training.hosts import trains_here
from mlcloud_trainer.training.main import run
from mlcloud_trainer.training.model_objects import archive_of
from mlcloud_trainer.training.platforms import find_layout
from support.object_storage import S3, SERVICES, ObjectStorage
from support.trainer_runs import BREAST_CANCER, events, make_run, mixed_csv

COMMAND = [sys.executable, "-m", "mlcloud_trainer", "train", "--prefix"]
GRADES = {"estimator": "decision_tree", "target": "grade"}
FILES = ["manifest.json", "model.onnx", "model.skops", "report.html"]


@pytest.fixture(params=sorted(SERVICES))
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    yield from served(SERVICES[request.param](), monkeypatch)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    yield from served(S3(), monkeypatch)


def served(server: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    """The server, with this process's environment pointing at it."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    try:
        yield server
    finally:
        server.close()


def variables(storage: ObjectStorage, data: str, output: str, settings: dict[str, str]) -> dict[str, str]:
    """What a job is given that finds nothing under /opt/ml."""
    return {
        **storage.variables,
        "MLCLOUD_HYPERPARAMETERS": json.dumps(settings),
        "MLCLOUD_DATA_URI": storage.address(data),
        "MLCLOUD_OUTPUT_URI": storage.address(output),
    }


def command(prefix: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLCLOUD", "AIP", "AWS"))}
    return subprocess.run(
        [*COMMAND, str(prefix)],
        env={**kept, "PYTHONWARNINGS": "error", **given},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_the_command_trains_from_s3_to_an_archive_as_sagemaker_packs_it(s3, tmp_path):
    s3.put("data/cancer.csv", BREAST_CANCER.read_bytes())
    settings = {"estimator": "logistic_regression", "target": "diagnosis"}
    given = variables(s3, "data/cancer.csv", "runs/one/output/model.tar.gz", settings)
    done = command(tmp_path / "none", given)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert s3.names() == ["data/cancer.csv", "runs/one/output/model.tar.gz"]
    with tarfile.open(fileobj=io.BytesIO(s3.get("runs/one/output/model.tar.gz")), mode="r:gz") as archive:
        assert archive.getnames() == FILES
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        content = manifest.read()
    assert events(done.stdout, "done")[0]["sha256"] == model_hash(content)
    assert parse_manifest(content).metrics["accuracy"] > 0.95
    assert not (tmp_path / "none").exists()


def test_a_storage_that_does_not_answer_ends_the_command_in_its_time(s3, tmp_path):
    s3.stalled = True
    given = variables(s3, "data/a.csv", "out/model.tar.gz", GRADES)
    done = command(tmp_path, {**given, "MLCLOUD_STORAGE_TIMEOUT_S": "0.5"})
    assert done.returncode == 1
    assert "longer than 0.5 s" in done.stderr
    assert "The failure cannot be stored" in done.stderr


def test_a_folder_of_objects_trains_the_model_that_the_same_files_train(storage, tmp_path, capsys):
    lines = mixed_csv("grade").splitlines(keepends=True)
    parts = {"a.csv": "".join(lines[:60]), "b.csv": lines[0] + "".join(lines[60:])}
    made = make_run(tmp_path / "local", GRADES)
    for name, content in parts.items():
        made.add_file(content, name=name)
        storage.put(f"data/{name}", content.encode())
    storage.put("data/README.md", b"not data")
    assert made.train() == 0
    layout = find_layout(tmp_path / "job", variables(storage, "data/", "runs/model/", GRADES))
    assert run(layout) == 0
    assert [key for key in storage.names() if key.startswith("runs/")] == [
        f"runs/model/{name}" for name in FILES
    ]
    assert storage.get("runs/model/manifest.json") == (made.model_dir / "manifest.json").read_bytes()
    assert not layout.scratch_dir.exists()


def test_the_manifest_is_written_last(storage, tmp_path, capsys):
    storage.put("data/a.csv", mixed_csv("grade").encode())
    assert run(find_layout(tmp_path, variables(storage, "data/a.csv", "runs/model", GRADES))) == 0
    written = [path for method, path in storage.requests if method in ("PUT", "POST")]
    assert "manifest.json" in written[-1] or storage.scheme == "gs"
    assert list(storage.names())[-4:] == [f"runs/model/{name}" for name in FILES]


def test_why_it_failed_is_written_beside_the_model(storage, tmp_path, capsys):
    storage.put("data/a.csv", b"grade,x\nA,1\n")
    given = variables(storage, "data/a.csv", "runs/one/model.tar.gz", {**GRADES, "target": "grad"})
    assert run(find_layout(tmp_path, given)) == 1
    assert storage.names() == ["data/a.csv", "runs/one/failure"]
    assert "grad" in storage.get("runs/one/failure").decode()
    assert not (tmp_path / "output").exists()


def test_data_that_is_missing_is_named_with_its_bucket(storage, tmp_path, capsys):
    assert run(find_layout(tmp_path, variables(storage, "data/none.csv", "out/m", GRADES))) == 1
    assert f"{storage.address('data/none.csv')}: is missing" in capsys.readouterr().err
    assert run(find_layout(tmp_path, variables(storage, "nothing", "out/m", GRADES))) == 1
    assert f"{storage.address('nothing')}: holds no *.csv or *.parquet" in capsys.readouterr().err


def test_the_archive_is_equal_for_equal_files():
    files = {"model.onnx": b"x" * 1000, "manifest.json": b"{}"}
    assert archive_of(files) == archive_of(dict(reversed(files.items())))


def test_on_vertex_data_are_mounted_and_the_model_goes_to_its_bucket(tmp_path, monkeypatch, capsys):
    server = SERVICES["gcs"]()
    for _ in served(server, monkeypatch):
        mounted = tmp_path / "gcs" / "our-bucket" / "train.csv"
        mounted.parent.mkdir(parents=True)
        mounted.write_text(mixed_csv("grade"))
        given = {
            "MLCLOUD_HYPERPARAMETERS": json.dumps(GRADES),
            "MLCLOUD_DATA_URI": str(mounted),
            "AIP_MODEL_DIR": "gs://our-bucket/job/model/",
        }
        assert run(find_layout(tmp_path / "ml", given)) == 0
        assert server.names() == [f"job/model/{name}" for name in FILES]


def test_a_model_folder_of_vertex_that_is_mounted_is_written_as_a_folder(tmp_path, capsys):
    make_run(tmp_path / "ml", GRADES, mixed_csv("grade"))
    layout = find_layout(tmp_path / "ml", {"AIP_MODEL_DIR": str(tmp_path / "vertex" / "model")})
    assert run(layout) == 0
    assert (tmp_path / "vertex" / "model" / "manifest.json").exists()
    assert not (tmp_path / "ml" / "model").exists()


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ({}, True),
        ({"CLUSTER_SPEC": '{"task": {"type": "workerpool0", "index": 0}}'}, True),
        ({"CLUSTER_SPEC": '{"task": {"type": "workerpool0", "index": 1}}'}, False),
        ({"CLUSTER_SPEC": '{"task": {"type": "workerpool1", "index": 0}}'}, False),
        ({"CLUSTER_SPEC": '{"cluster": {}}'}, True),
        ({"AWS_BATCH_JOB_NODE_INDEX": "0", "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0"}, True),
        ({"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0"}, False),
        ({"AWS_BATCH_JOB_NODE_INDEX": "1"}, False),
        ({"AZUREML_RUN_ID": "run"}, True),
        ({"AZUREML_RUN_ID": "run", "RANK": "0", "NODE_RANK": "0"}, True),
        ({"AZUREML_RUN_ID": "run", "RANK": "1", "NODE_RANK": "1"}, False),
        ({"AZUREML_RUN_ID": "run", "OMPI_COMM_WORLD_RANK": "2"}, False),
        ({"AZUREML_RUN_ID": "run", "NODE_RANK": "1"}, False),
        ({"AZUREML_RUN_ID": "run", "TF_CONFIG": '{"task": {"type": "worker", "index": 0}}'}, True),
        ({"AZUREML_RUN_ID": "run", "TF_CONFIG": '{"task": {"type": "worker", "index": 1}}'}, False),
        ({"AZUREML_RUN_ID": "run", "TF_CONFIG": '{"task": {"type": "ps", "index": 0}}'}, False),
        ({"RANK": "1"}, True),
    ],
)
def test_of_several_hosts_the_first_trains(tmp_path, given, here):
    assert trains_here(find_layout(tmp_path, given), given) is here


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MLCLOUD_OUTPUT_URI", "ftp://host/model", ["no address of object storage", "s3://BUCKET/KEY"]),
        ("MLCLOUD_DATA_URI", "s3://our-bucket", ["names no object or folder"]),
        ("MLCLOUD_OUTPUT_URI", "/some/model.tar.gz", ["to object storage only"]),
        ("MLCLOUD_STORAGE_TIMEOUT_S", "soon", ["soon", "at most 3600"]),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_by_name(tmp_path, name, value, words):
    done = command(tmp_path, {name: value})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failure = (tmp_path / "output" / "failure").read_text()
    assert all(word in failure for word in [f"{name}: ", *words])
