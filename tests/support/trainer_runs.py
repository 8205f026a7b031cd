"""Training runs in SageMaker's layout, made and read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlcloud_trainer.manifest import Manifest, parse_manifest, verify_files
from mlcloud_trainer.training.main import run
from mlcloud_trainer.training.platforms import find_layout

BREAST_CANCER = Path(__file__).resolve().parents[2] / "stacks" / "data" / "breast-cancer-wisconsin.csv"


@dataclass(frozen=True, kw_only=True)
class TrainerRun:
    """A folder of input/, model/, output/."""

    prefix: Path

    @property
    def model_dir(self) -> Path:
        return self.prefix / "model"

    def add_file(self, content: str | bytes, name: str = "data.csv", channel: str = "train") -> TrainerRun:
        folder = self.prefix / "input" / "data" / channel
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def train(self) -> int:
        """In this process; progress goes to standard output."""
        return run(find_layout(self.prefix, {}))

    def failure(self) -> str:
        return (self.prefix / "output" / "failure").read_text().strip()

    def manifest(self) -> Manifest:
        """Parsed, and checked against the files."""
        manifest = parse_manifest((self.model_dir / "manifest.json").read_bytes())
        verify_files(self.model_dir, manifest)
        return manifest


def make_run(
    prefix: Path, settings: Mapping[str, object], content: str | bytes | None = None, name: str = "data.csv"
) -> TrainerRun:
    """A run with these hyperparameters and one data file."""
    config = prefix / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(settings))
    made = TrainerRun(prefix=prefix)
    return made if content is None else made.add_file(content, name)


def events(output: str, event: str | None = None) -> list[dict[str, object]]:
    """The JSON lines of a run, all of them or those of one event."""
    lines = [json.loads(line) for line in output.splitlines()]
    return [line for line in lines if event is None or line["event"] == event]


def warnings_of(output: str) -> list[str]:
    return [str(line["message"]) for line in events(output) if line["level"] == "warning"]


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return buffer.getvalue()


def mixed_rows(rows: int = 120, seed: int = 1) -> tuple[list[str], list[list[object]]]:
    """Four types of columns with missing values; `grade` has three classes, `price` is a number."""
    generator = np.random.default_rng(seed)
    header = ["city", "area_m2", "rooms", "balcony", "heating", "grade", "price"]
    made: list[list[object]] = []
    for _ in range(rows):
        area = round(float(generator.uniform(20, 180)), 2)
        rooms = int(generator.integers(1, 7))
        city = str(generator.choice(["Bern", "Genève", "Zürich, ZH"]))
        heating = str(generator.choice(["gas", "heat pump"]))
        balcony = bool(generator.integers(0, 2))
        price = 900 * area + 5000 * rooms + 40000 * (city == "Bern") + 9000 * balcony
        price += float(generator.normal(0, 4000))
        grade = "ABC"[int(price > 70_000) + int(price > 130_000)]
        row: list[object] = [city, area, rooms, str(balcony).lower(), heating]
        row = [None if generator.random() < 0.08 else value for value in row]
        made.append([*row, grade, round(float(price), 2)])
    return header, made


def mixed_csv(target: str, rows: int = 120) -> str:
    """The mixed data with one of its two targets."""
    header, made = mixed_rows(rows)
    other = header.index("price" if target == "grade" else "grade")
    kept = [index for index in range(len(header)) if index != other]
    return csv_text([header[index] for index in kept], [[row[index] for index in kept] for row in made])
