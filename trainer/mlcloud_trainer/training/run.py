"""One training run from settings and data to a model folder."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from mlcloud_trainer.manifest import (
    DataSummary,
    InputColumn,
    Manifest,
    Parity,
    Scalar,
    Settings,
    Smoke,
    dump_manifest,
    model_hash,
)
from mlcloud_trainer.storage import Address
from mlcloud_trainer.training.columns import Column, infer_columns
from mlcloud_trainer.training.data_files import find_data_files
from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.estimators import build_estimator, parameter_problems, task_problem
from mlcloud_trainer.training.evaluation import Evaluation, evaluate_classifier, evaluate_regressor
from mlcloud_trainer.training.features import Features, choose_features
from mlcloud_trainer.training.folder import file_entry, write_folder
from mlcloud_trainer.training.model_objects import write_objects
from mlcloud_trainer.training.onnx_graph import write_onnx
from mlcloud_trainer.training.parity import OnnxCandidate, check_parity
from mlcloud_trainer.training.pipeline import STRINGS, build_pipeline, fit_pipeline, group_columns
from mlcloud_trainer.training.platforms import Layout
from mlcloud_trainer.training.predictor import Answers, ask_onnx, ask_pipeline, onnx_session
from mlcloud_trainer.training.progress import Progress
from mlcloud_trainer.training.reading import Table, read_files
from mlcloud_trainer.training.report import ReportInput, render_report
from mlcloud_trainer.training.settings import TrainingSettings
from mlcloud_trainer.training.skops_file import dump_skops
from mlcloud_trainer.training.splitting import Split, split_rows
from mlcloud_trainer.training.targets import Target, find_target, prepare_target

STEPS = 8
LIBRARIES = ("scikit-learn", "skops", "onnx", "onnxruntime", "numpy", "mlcloud-trainer")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The data of a run, ready to fit."""

    table: Table
    target: Target
    split: Split
    features: Features


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted pipeline and its answers for the held-out rows."""

    pipeline: Any
    answers: Answers
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The model's files, what they are compared with, and the answer for the smoke row."""

    files: dict[str, bytes]
    candidate: OnnxCandidate | None
    parity: Parity
    smoke: Smoke


def train(settings: TrainingSettings, layout: Layout, progress: Progress) -> str:
    """Train, evaluate, export, and write the model folder.

    Returns:
        The model's hash.

    Raises:
        TrainingError: With every problem of the data or the settings.
        StorageError: Data cannot be read from object storage, or the model not written there.
    """
    prepared = _prepare(settings, layout, progress)
    fitted = _fit(settings, prepared, progress)
    exported = _export(prepared, fitted, progress)
    manifest = _manifest(settings, prepared, fitted, exported)
    content = dump_manifest(manifest)
    digest = model_hash(content)
    with progress.step("Writing the report and the model folder"):
        report = render_report(
            ReportInput(
                manifest=manifest,
                model_hash=digest,
                columns=prepared.features.columns,
                truth=prepared.target.values[prepared.split.test],
                answers=fitted.answers,
                pipeline=fitted.pipeline,
                held_out=prepared.features.matrix(prepared.split.test),
            ),
            layout.scratch_dir,
        )
        files = {**exported.files, "report.html": report, "manifest.json": content}
        if isinstance(layout.model, Address):
            write_objects(layout.model, files, layout.storage_timeout_s)
        else:
            write_folder(layout.model, layout.scratch_dir, files)
    return digest


def _prepare(settings: TrainingSettings, layout: Layout, progress: Progress) -> Prepared:
    with progress.step("Reading the data"):
        files = find_data_files(layout)
        table = read_files(files)
        progress.note(f"{table.rows} rows, {len(table.names)} columns from {len(files)} file(s)")
    with progress.step("Inferring the schema"):
        columns = infer_columns(table)
        target = prepare_target(find_target(columns, settings.target), settings.task)
        if target.reason:
            progress.note(f"Task: {target.task}, since {target.name}: {target.reason}")
        if problem := task_problem(settings.estimator, target.task):
            raise TrainingError(problem)
        if left := table.rows - len(target.rows):
            progress.warn(f"{left} rows have no value in {target.name} and are left out")
    with progress.step("Splitting into training and held-out rows"):
        split = split_rows(target, settings.test_size, settings.seed)
        progress.note(f"{len(split.train)} rows to train on, {len(split.test)} held out")
        for code in split.lonely:
            name = target.classes[code]
            progress.warn(f"Class {name} has one row: it is trained on, and the metrics say nothing about it")
        features = choose_features(columns, target.name, target.rows, split.train)
        for column in features.dropped:
            progress.warn(f"Column {column.name or '(no name)'} is left out: it {column.reason}")
        for column in features.columns:
            if column.note:
                progress.warn(f"Column {column.name}: {column.note}")
    return Prepared(table=table, target=target, split=split, features=features)


def _fit(settings: TrainingSettings, prepared: Prepared, progress: Progress) -> Fitted:
    target, split, features = prepared.target, prepared.split, prepared.features
    with progress.step(f"Fitting {settings.estimator} on {len(split.train)} rows"):
        if problems := parameter_problems(settings.estimator, target.task, settings.parameters):
            raise TrainingError(problems)
        values = target.codes if target.task == "classification" else target.values
        pipeline = build_pipeline(
            group_columns(features.columns),
            build_estimator(
                settings.estimator, target.task, settings.parameters, settings.seed, _smallest_class(prepared)
            ),
        )
        for warning in fit_pipeline(pipeline, features.matrix(split.train), values[split.train]):
            progress.warn(f"{settings.estimator}: {warning}")
    with progress.step(f"Evaluating on {len(split.test)} held-out rows"):
        answers = ask_pipeline(pipeline, target.task, features.matrix(split.test))
        truth = target.values[split.test]
        if target.task == "classification":
            evaluation = evaluate_classifier(truth, answers, target.classes)
        else:
            evaluation = evaluate_regressor(truth, answers)
        for name, value in evaluation.metrics.items():
            progress.metric(name, value)
        for warning in evaluation.warnings:
            progress.warn(warning)
    return Fitted(pipeline=pipeline, answers=answers, evaluation=evaluation)


def _smallest_class(prepared: Prepared) -> int:
    if prepared.target.task == "regression":
        return len(prepared.split.train)
    return int(np.bincount(prepared.target.codes[prepared.split.train]).min())


def _export(prepared: Prepared, fitted: Fitted, progress: Progress) -> Exported:
    task, features, test = prepared.target.task, prepared.features, prepared.split.test
    candidate: OnnxCandidate | None = None
    parity = Parity(holds=False, rows=0, max_abs_difference=None)
    with progress.step("Exporting skops and ONNX files"):
        files = {"model.skops": dump_skops(fitted.pipeline)}
        try:
            content, layout = write_onnx(
                fitted.pipeline, features.columns, group_columns(features.columns), task
            )
            candidate = OnnxCandidate(content=content, layout=layout)
        except NotImplementedError as error:
            parity = Parity(holds=False, rows=0, max_abs_difference=None, reason=str(error))
    with progress.step("Comparing ONNX with scikit-learn"):
        if candidate is not None:
            parity = check_parity(fitted.pipeline, candidate, features, task, test)
        answers = ask_pipeline(fitted.pipeline, task, features.matrix(test[:1]))
        if candidate is not None and parity.holds:
            files["model.onnx"] = candidate.content
            session = onnx_session(candidate.content)
            answers = ask_onnx(session, candidate.layout, features, features.matrix(test[:1]))
            progress.note(f"Equal on {parity.rows} rows; largest difference {parity.max_abs_difference:.1e}")
        else:
            candidate = None
            progress.warn(f"There is no ONNX file, scikit-learn will serve: {parity.reason}")
    smoke = _smoke(prepared, answers, int(test[0]))
    return Exported(files=files, candidate=candidate, parity=parity, smoke=smoke)


def class_text(value: Scalar) -> str:
    """A class as the key of a JSON object."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _smoke(prepared: Prepared, answers: Answers, row: int) -> Smoke:
    classes = prepared.target.classes
    instance = prepared.features.instance(row)
    if answers.probabilities is None:
        return Smoke(instance=instance, prediction=float(answers.values[0]), probabilities=None)
    shares = answers.probabilities[0].tolist()
    return Smoke(
        instance=instance,
        prediction=classes[int(answers.values[0])],
        probabilities={class_text(name): float(share) for name, share in zip(classes, shares, strict=True)},
    )


def _schema(columns: Sequence[Column], pipeline: Any) -> tuple[InputColumn, ...]:
    steps: Any = pipeline.named_steps["prepare"].named_transformers_
    encoded: list[Any] = list(steps[STRINGS].named_steps["encode"].categories_) if STRINGS in steps else []
    known = iter([tuple(str(category) for category in categories) for categories in encoded])
    return tuple(
        InputColumn(
            name=column.name,
            type=column.type or "number",
            nullable=bool(column.missing.any()),
            categories=next(known) if column.type == "string" else None,
        )
        for column in columns
    )


def _manifest(settings: TrainingSettings, prepared: Prepared, fitted: Fitted, exported: Exported) -> Manifest:
    target, split = prepared.target, prepared.split
    return Manifest(
        task=target.task,
        estimator=settings.estimator,
        hyperparameters=dict(settings.parameters),
        settings=Settings(target=settings.target, test_size=settings.test_size, seed=settings.seed),
        target=target.name,
        classes=target.classes if target.task == "classification" else None,
        positive_class=target.classes[1] if len(target.classes) == 2 else None,
        inputs=_schema(prepared.features.columns, fitted.pipeline),
        metrics=fitted.evaluation.metrics,
        confusion_matrix=fitted.evaluation.confusion_matrix,
        data=DataSummary(
            sha256=prepared.table.sha256,
            rows=len(target.rows),
            train_rows=len(split.train),
            test_rows=len(split.test),
            columns=len(prepared.table.names),
            dropped=prepared.features.dropped,
        ),
        smoke=exported.smoke,
        files={name: file_entry(content) for name, content in exported.files.items()},
        runtime="skops" if exported.candidate is None else "onnx",
        onnx=None if exported.candidate is None else exported.candidate.layout,
        parity=exported.parity,
        versions={"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    )
