"""What the target column of a data file must hold, seen value by value."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.metrics import Task

# Texts that stand for no value, as pandas reads CSV (documentation of pandas.read_csv, parameter na_values).
MISSING_TEXTS: Final = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(kw_only=True)
class TargetColumn:
    """Judges the target's values until it is sure.

    Attributes:
        name: The column.
        task: What is learned; None judges nothing but that there are values.
        path: The file, to name places in it.
        values: Number of values seen that are not missing.
        classes: Up to two different values, for classification.
        offence: Place and text of the first value that is not a number, for regression.
        decided: True when no further value changes the judgement.
    """

    name: str
    task: Task | None
    path: Path
    values: int = 0
    classes: set[str] = field(default_factory=set[str])
    offence: tuple[str, str] | None = None
    decided: bool = False
    seen: bool = False

    def see(self, text: str, place: str) -> None:
        """Take the next value, as text, and where it stands."""
        self.seen = True
        if text in MISSING_TEXTS:
            return
        self.values += 1
        if self.task == "regression":
            if not is_number(text):
                self.offence = (place, text)
            self.decided = self.offence is not None
        else:
            self.classes.add(text)
            self.decided = self.task is None or len(self.classes) > 1

    def problems(self) -> list[Problem]:
        """Return what is wrong with the column, once every value was seen."""
        where = f"{self.path} column `{self.name}`"
        if not self.seen:
            return []
        if self.offence is not None:
            place, text = self.offence
            fix = "correct it, leave it empty, or set `task: classification`"
            allowed = "a number, because the task is regression"
            return [Problem(path=f"{where} {place}", value=text, allowed=allowed, fix=fix)]
        if self.values == 0:
            fix = "choose a target that has values"
            return [Problem(path=where, value="no values", allowed="values to learn from", fix=fix)]
        if self.task == "classification" and len(self.classes) < 2:
            (only,) = self.classes
            fix = "choose a target with at least two different values"
            return [Problem(path=where, value=only, allowed="two classes or more", fix=fix)]
        return []


def is_number(text: str) -> bool:
    """Tell whether a text is a finite decimal number, as the trainer reads numbers."""
    plain = text.strip()
    return _NUMBER.fullmatch(plain) is not None and math.isfinite(float(plain))
