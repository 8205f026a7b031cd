"""The manifest: what is written is read back, and what does not fit is named."""

import json
from dataclasses import replace

import pytest
from mlcloud_trainer.manifest import (
    ColumnDropped,
    ConfusionMatrix,
    DataSummary,
    FileEntry,
    InputColumn,
    Manifest,
    ManifestError,
    OnnxInput,
    OnnxLayout,
    Parity,
    Settings,
    Smoke,
    dump_manifest,
    model_hash,
    parse_manifest,
    verify_files,
)

HASH = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # Of b"abc", as FIPS 180 gives it.
MANIFEST = Manifest(
    task="classification",
    estimator="svm",
    hyperparameters={"C": 0.5, "kernel": "rbf", "class_weight": None},
    settings=Settings(target="kind", test_size=0.2, seed=0),
    target="kind",
    classes=(False, True),
    positive_class=True,
    inputs=(
        InputColumn(name="größe", type="number", nullable=True),
        InputColumn(name="city", type="string", nullable=False, categories=("Bern", "Genève")),
    ),
    metrics={"accuracy": 0.0, "f1": 1.0},
    confusion_matrix=ConfusionMatrix(labels=(False, True), counts=((1, 0), (0, 2))),
    data=DataSummary(
        sha256=HASH,
        rows=10,
        train_rows=7,
        test_rows=3,
        columns=4,
        dropped=(ColumnDropped(name="id", reason="identifies rows"),),
    ),
    smoke=Smoke(
        instance={"größe": None, "city": "Bern"},
        prediction=False,
        probabilities={"false": 0.75, "true": 0.25},
    ),
    files={"model.skops": FileEntry(sha256=HASH, bytes=3), "model.onnx": FileEntry(sha256=HASH, bytes=3)},
    runtime="onnx",
    onnx=OnnxLayout(
        inputs=(
            OnnxInput(name="numbers", datatype="FP64", features=("größe",)),
            OnnxInput(name="strings", datatype="BYTES", features=("city",)),
        ),
        label="label",
        probabilities="probabilities",
    ),
    parity=Parity(holds=True, rows=12, max_abs_difference=0.0),
    versions={"python": "3.11.7"},
)
REGRESSION = replace(
    MANIFEST,
    task="regression",
    classes=None,
    positive_class=None,
    confusion_matrix=None,
    smoke=Smoke(instance={"größe": 1.5, "city": None}, prediction=2.0, probabilities=None),
    files={"model.skops": FileEntry(sha256=HASH, bytes=3)},
    runtime="skops",
    onnx=None,
    parity=Parity(holds=False, rows=0, max_abs_difference=None, reason="too different"),
)


@pytest.mark.parametrize("manifest", [MANIFEST, REGRESSION])
def test_what_is_written_is_read_back(manifest):
    assert parse_manifest(dump_manifest(manifest)) == manifest


def test_the_bytes_are_sorted_utf_8_with_a_newline_at_the_end():
    content = dump_manifest(MANIFEST)
    assert (
        content
        == (json.dumps(json.loads(content), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    )
    assert "größe".encode() in content
    assert len(model_hash(content)) == 64
    assert model_hash(b"abc") == HASH


def test_the_keys_are_those_that_are_documented():
    body = json.loads(dump_manifest(MANIFEST))
    assert body["format"] == "mlcloud-model"
    assert body["format_version"] == 1
    assert body["schema"]["inputs"][0] == {"name": "größe", "type": "number", "nullable": True}
    assert body["onnx"]["outputs"] == {"label": "label", "probabilities": "probabilities"}
    assert "classes" not in json.loads(dump_manifest(REGRESSION))


def test_a_number_that_json_cannot_hold_is_never_written():
    with pytest.raises(ValueError, match="JSON"):
        dump_manifest(replace(MANIFEST, metrics={"log_loss": float("nan")}))


def problems_of(content: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content)
    return str(caught.value)


def changed(**keys: object) -> bytes:
    body = json.loads(dump_manifest(MANIFEST))
    for key, value in keys.items():
        place = body
        *path, last = key.split("__")
        for name in path:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(body).encode()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(content):
    assert "manifest.json is not valid JSON" in problems_of(content)


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'"x"', changed(format="mlflow"), changed(format_version=2)]
)
def test_another_format_or_version_is_refused(content):
    assert 'expected format "mlcloud-model" version 1' in problems_of(content)


def test_every_problem_is_named_with_its_path():
    content = changed(
        estimator=None,
        task="ranking",
        data__rows=-1,
        smoke=None,
        metrics__f1="high",
        parity__holds="yes",
        versions=[],
    )
    told = problems_of(content)
    for part in (
        "estimator: is missing, expected a string",
        "task: is 'ranking', expected one of classification, regression",
        "data.rows: is '-1', expected a whole number from 0 up",
        "smoke: is missing, expected an object",
        "metrics.f1: is 'high', expected a number",
        "parity.holds: is 'yes', expected true or false",
        "versions: is '[]', expected an object",
    ):
        assert part in told


@pytest.mark.parametrize("value", [[[1, "2"]], [1], [[1.5]], [[True]], [[-1]]])
def test_a_confusion_matrix_holds_counts(value):
    assert "confusion_matrix.counts" in problems_of(changed(confusion_matrix__counts=value))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"classes": None}, "a classification model lists its classes"),
        ({"task": "regression"}, "a regression model has none"),
        ({"schema__inputs": []}, "a model has at least one feature"),
        (
            {"runtime": "skops", "files": {"model.onnx": {"sha256": HASH, "bytes": 3}}},
            "model.skops is not listed",
        ),
        ({"onnx": None}, "onnx: is missing, but the runtime is onnx"),
        ({"onnx__inputs": []}, "do not hold each feature of schema.inputs exactly once"),
    ],
)
def test_keys_that_contradict_one_another_are_refused(keys, problem):
    assert problem in problems_of(changed(**keys))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", "a\\b", "manifest.json", ""])
def test_a_file_outside_the_folder_is_refused(name):
    files = {**json.loads(dump_manifest(MANIFEST))["files"], name: {"sha256": HASH, "bytes": 3}}
    assert "is not a plain file name" in problems_of(changed(files=files))


def test_keys_that_are_not_known_are_ignored():
    assert parse_manifest(changed(added_later={"x": 1})) == MANIFEST


def test_files_must_be_there_with_their_size_and_hash(tmp_path):
    for name in MANIFEST.files:
        (tmp_path / name).write_bytes(b"abc")
    verify_files(tmp_path, MANIFEST)
    (tmp_path / "model.onnx").write_bytes(b"abd")
    (tmp_path / "model.skops").write_bytes(b"abcd")
    with pytest.raises(ManifestError) as caught:
        verify_files(tmp_path, MANIFEST)
    assert len(caught.value.problems) == 2
    assert "model.onnx: has SHA-256" in str(caught.value)
    assert "model.skops: has 4 bytes, the manifest says 3" in str(caught.value)
    (tmp_path / "model.onnx").unlink()
    (tmp_path / "target").write_bytes(b"abc")
    (tmp_path / "model.onnx").symlink_to(tmp_path / "target")
    with pytest.raises(ManifestError, match=r"model\.onnx: is missing or not a regular file"):
        verify_files(tmp_path, MANIFEST)
