"""Where a platform puts settings and data, and where it expects the model.

SageMaker's layout under a prefix (`/opt/ml` by default) is the common one; Vertex AI names the output
folder in `AIP_MODEL_DIR`, as a `gs://` address that it also mounts under `/gcs/`. Sources:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html and
https://cloud.google.com/vertex-ai/docs/training/code-requirements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mlcloud_trainer.training.errors import TrainingError, listing

DATA_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders of one run.

    Attributes:
        config_dir: Holds hyperparameters.json, inputdataconfig.json and resourceconfig.json.
        data_dir: Holds one folder a channel.
        model_dir: Where the model folder's files go.
        failure_file: Where the reason of a failure goes.
        scratch_dir: For files that only the run needs; removed at its end.
    """

    config_dir: Path
    data_dir: Path
    model_dir: Path
    failure_file: Path
    scratch_dir: Path


def find_layout(prefix: Path, environment: Mapping[str, str]) -> Layout:
    """The layout under `prefix`; the environment's `AIP_MODEL_DIR`, when set, says where the model goes."""
    model_dir = prefix / "model"
    vertex = environment.get("AIP_MODEL_DIR", "")
    if vertex:
        model_dir = (
            Path("/gcs") / vertex.removeprefix("gs://") if vertex.startswith("gs://") else Path(vertex)
        )
    return Layout(
        config_dir=prefix / "input" / "config",
        data_dir=prefix / "input" / "data",
        model_dir=model_dir,
        failure_file=prefix / "output" / "failure",
        scratch_dir=model_dir / ".partial",
    )


def _read_object(path: Path, *, required: bool) -> dict[str, object]:
    if not path.exists():
        if required:
            raise TrainingError(
                f"{path}: is missing; it holds the settings of the run as one flat JSON object."
            )
        return {}
    try:
        parsed: object = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise TrainingError(f"{path}: holds no JSON object.")
    return cast("dict[str, object]", parsed)


def read_hyperparameters(layout: Layout) -> dict[str, object]:
    """The settings as the platform brings them: a flat map of strings.

    Raises:
        TrainingError: The file is missing or no JSON object.
    """
    return _read_object(layout.config_dir / "hyperparameters.json", required=True)


def trains_here(layout: Layout) -> bool:
    """Whether this host is the one that trains: the first of the job's hosts. The model needs one machine."""
    resources = _read_object(layout.config_dir / "resourceconfig.json", required=False)
    hosts = resources.get("hosts")
    current = resources.get("current_host")
    if not isinstance(hosts, list) or not isinstance(current, str):
        return True
    names = sorted(str(host) for host in cast("list[object]", hosts))
    return not names or current == names[0]


def find_data_files(layout: Layout) -> list[Path]:
    """The data files of the channel `train`, or of the only channel there is, sorted by name.

    Raises:
        TrainingError: No channel, several without one called train, a channel that is streamed, or no data
        file.
    """
    channels = _read_object(layout.config_dir / "inputdataconfig.json", required=False)
    for name, channel in channels.items():
        settings = cast("dict[str, object]", channel) if isinstance(channel, dict) else {}
        if settings.get("TrainingInputMode", "File") == "Pipe":
            raise TrainingError(f"Channel {name}: input mode Pipe is not supported; use File or FastFile.")
    folder = _find_channel(layout.data_dir)
    files = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in DATA_SUFFIXES and path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix(),
    )
    if not files:
        others = listing(sorted(path.name for path in folder.iterdir()))
        found = f" It holds: {others}." if others else " It is empty."
        raise TrainingError(f"{folder}: holds no *.csv or *.parquet file.{found}")
    return files


def _find_channel(data_dir: Path) -> Path:
    folders = sorted(path for path in data_dir.iterdir() if path.is_dir()) if data_dir.is_dir() else []
    if data_dir / "train" in folders:
        return data_dir / "train"
    if len(folders) == 1:
        return folders[0]
    if not folders:
        raise TrainingError(f"{data_dir}: holds no data; put the files into {data_dir / 'train'}.")
    raise TrainingError(
        f"{data_dir}: holds several channels ({listing(path.name for path in folders)}); call the one with "
        "the training data `train`."
    )
