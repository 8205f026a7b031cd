"""What the target column of a data file must hold, seen row by row: the rules of the trainer."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.metrics import Task

# Texts that stand for no value: those of pandas.read_csv (https://pandas.pydata.org/docs/reference/api/
# pandas.read_csv.html, na_values), and the question mark of the UCI repository's files.
MISSING_TEXTS: Final = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?"}
)
MIN_ROWS: Final = 10
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)


@dataclass(kw_only=True)
class TargetColumn:
    """Judges the target's values.

    Attributes:
        name: The column.
        task: What is learned; None demands nothing that only one task needs.
        path: The file, to name places in it.
        index: Where the column stands; None until the first row was seen, or where there is no such column.
        values: Number of values seen that are not missing.
        different: The first two different values.
        not_finite: Texts such as `inf`, which are values only beside other texts.
        has_text: Whether a value was seen that is no number.
        offence: The first value that cannot be a target.
    """

    name: str
    task: Task | None
    path: Path
    index: int | None = None
    values: int = 0
    different: list[str | float] = field(default_factory=list[str | float])
    not_finite: list[str] = field(default_factory=list[str])
    has_text: bool = False
    offence: Problem | None = None

    def see(self, row: Sequence[str], columns: Sequence[str], place: str) -> None:
        """Take the next row of a file's text, and where it stands."""
        if self.index is None:
            if self.name not in columns:
                return
            self.index = columns.index(self.name)
        if self.index < len(row):
            self.see_text(row[self.index], place)

    def see_text(self, text: str, place: str) -> None:
        """Take the next value as a file's text, and where it stands."""
        if text in MISSING_TEXTS:
            return
        plain = text.strip()
        if not plain:
            return
        if is_number(plain):
            self._count(float(plain))
        elif _NOT_FINITE.fullmatch(plain):
            self.not_finite.append(plain)
        elif self.task == "regression":
            self._offend(place, text, "a number, because the task is regression")
        else:
            self.has_text = True
            self._count(plain.lower() if plain.lower() in ("true", "false") else plain)

    def see_value(self, value: object, place: str) -> None:
        """Take the next value of a file that has types, and where it stands."""
        if isinstance(value, (str, bool)):
            if self.task == "regression":
                self._offend(place, value, "a number, because the task is regression")
            elif value != "":
                self._count(str(value))
        elif isinstance(value, (int, float, Decimal)):
            if math.isfinite(value):
                self._count(float(value))
        elif value is not None:
            self._offend(place, value, "a number, true or false, or text")

    def _offend(self, place: str, value: object, allowed: str) -> None:
        if self.offence is None:
            fix = "correct the file, choose another target, or set `task: classification`"
            where = f"{self.path} column `{self.name}` {place}"
            self.offence = Problem(path=where, value=value, allowed=allowed, fix=fix)

    def _count(self, value: str | float) -> None:
        self.values += 1
        if len(self.different) < 2 and value not in self.different:
            self.different.append(value)

    def problems(self) -> list[Problem]:
        """Return what is wrong with the column, once every row was seen."""
        where = f"{self.path} column `{self.name}`"
        if self.offence is not None:
            return [self.offence]
        # Among numbers, an infinite one is no value; among texts, it is a text.
        for text in self.not_finite if self.has_text else ():
            self._count(text)
        if self.values < MIN_ROWS:
            allowed = f"a value in at least {MIN_ROWS} rows"
            fix = "give more data, or choose a target that has more values"
            return [Problem(path=where, value=f"{self.values} values", allowed=allowed, fix=fix)]
        if len(self.different) < 2:
            fix = "choose another target: from one value there is nothing to learn"
            return [Problem(path=where, value=self.different[0], allowed="two different values", fix=fix)]
        return []


def is_number(text: str) -> bool:
    """Tell whether a text is a decimal number."""
    return _NUMBER.fullmatch(text) is not None
