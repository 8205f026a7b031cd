"""Where a platform puts settings and data, and where it expects the model.

SageMaker's layout under a prefix (`/opt/ml` by default) is the common one. A platform that mounts nothing
there says by variables what the files would say: AWS Batch, Vertex AI custom jobs, Azure ML command jobs.
Vertex AI names the output folder in `AIP_MODEL_DIR`, as a `gs://` address. Sources:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html and
https://cloud.google.com/vertex-ai/docs/training/code-requirements.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mlcloud_trainer.storage import DEFAULT_LIMIT_S, Address, StorageError, is_remote, parse_address
from mlcloud_trainer.training.errors import TrainingError

HYPERPARAMETERS = "MLCLOUD_HYPERPARAMETERS"
DATA = "MLCLOUD_DATA_URI"
OUTPUT = "MLCLOUD_OUTPUT_URI"
VERTEX_OUTPUT = "AIP_MODEL_DIR"
TIMEOUT = "MLCLOUD_STORAGE_TIMEOUT_S"
ARCHIVE_SUFFIX = ".tar.gz"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The places of one run.

    Attributes:
        config_dir: Holds hyperparameters.json, inputdataconfig.json and resourceconfig.json.
        hyperparameters: What hyperparameters.json would hold, where a variable says it.
        data_dir: Holds one folder a channel.
        data: One data file, or a folder of them, where a variable says it; then `data_dir` is not read.
        model: Where the model folder's files go, or, in object storage, one archive of them.
        failure: Where the reason of a failure goes.
        scratch_dir: For files that only the run needs; removed at its end.
        storage_timeout_s: Seconds that reading or writing one object may take.
    """

    config_dir: Path
    hyperparameters: str | None
    data_dir: Path
    data: Path | Address | None
    model: Path | Address
    failure: Path | Address
    scratch_dir: Path
    storage_timeout_s: float


def find_layout(prefix: Path, environment: Mapping[str, str]) -> Layout:
    """The layout under `prefix`, but for what the environment says; an empty variable counts as absent.

    Raises:
        TrainingError: With every variable that cannot be used.
    """
    problems: list[str] = []
    data = _place(DATA, environment, problems)
    model = _place(OUTPUT, environment, problems) or _place(VERTEX_OUTPUT, environment, problems)
    timeout_s = _timeout_s(environment, problems)
    if isinstance(model, Path) and model.name.endswith(ARCHIVE_SUFFIX):
        problems.append(f"{OUTPUT}: is {str(model)!r}; an archive is written to object storage only")
    if problems:
        raise TrainingError(problems)
    model = model or prefix / "model"
    return Layout(
        config_dir=prefix / "input" / "config",
        hyperparameters=environment.get(HYPERPARAMETERS) or None,
        data_dir=prefix / "input" / "data",
        data=data,
        model=model,
        failure=model.beside("failure") if isinstance(model, Address) else prefix / "output" / "failure",
        scratch_dir=_temporary_dir() if isinstance(model, Address) else model / ".partial",
        storage_timeout_s=timeout_s,
    )


def _temporary_dir() -> Path:
    return Path(tempfile.gettempdir()) / f"mlcloud-train-{os.getpid()}"


def _place(name: str, environment: Mapping[str, str], problems: list[str]) -> Path | Address | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not is_remote(text):
        return Path(text.removeprefix("file://"))
    try:
        return parse_address(text)
    except StorageError as error:
        problems.append(f"{name}: {error.problem}; or a path.")
        return None


def _timeout_s(environment: Mapping[str, str], problems: list[str]) -> float:
    text = environment.get(TIMEOUT, "")
    if not text:
        return DEFAULT_LIMIT_S
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 3600:
        problems.append(f"{TIMEOUT}: is {text!r}; allowed: seconds, more than 0, at most 3600.")
    return number


def read_object(text: str | bytes, where: str) -> dict[str, object]:
    """A JSON object.

    Args:
        text: The JSON.
        where: Where it is from, for messages.

    Raises:
        TrainingError: It is none.
    """
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{where}: is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise TrainingError(f"{where}: holds no JSON object.")
    return cast("dict[str, object]", parsed)


def read_config(path: Path) -> dict[str, object]:
    """A file of the platform's settings; empty where there is none.

    Raises:
        TrainingError: It is no JSON object.
    """
    return read_object(path.read_bytes(), str(path)) if path.exists() else {}


def read_hyperparameters(layout: Layout) -> dict[str, object]:
    """The settings as the platform brings them: a flat map of strings.

    Raises:
        TrainingError: They are missing or no JSON object.
    """
    if layout.hyperparameters is not None:
        return read_object(layout.hyperparameters, HYPERPARAMETERS)
    path = layout.config_dir / "hyperparameters.json"
    if not path.exists():
        raise TrainingError(
            f"{path}: is missing; it holds the settings of the run as one flat JSON object, or the variable "
            f"{HYPERPARAMETERS} does."
        )
    return read_config(path)
