"""The light check before an update and the trainer must judge a file alike."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.core.datacolumn import MIN_ROWS, MISSING_TEXTS
from mlcloud.core.datafile import DELIMITERS, check_data_file
from mlcloud.core.errors import DataError
from mlcloud.core.metrics import METRICS, TASKS_OF
from mlcloud_trainer.training import estimators, reading, targets
from mlcloud_trainer.training.columns import infer_columns
from mlcloud_trainer.training.errors import TrainingError

TASKS = ["classification", "regression"]
TOO_MANY_CLASSES = "too many for classes"


def the_trainer_takes(path: Path, target: str, task: Any) -> bool:
    try:
        columns = infer_columns(reading.read_files([path]))
        targets.prepare_target(targets.find_target(columns, target), task)
    except TrainingError as error:
        # The one rule that only the trainer has: it counts every class, the check stops at the second.
        return TOO_MANY_CLASSES in str(error)
    return any(column.name not in ("", target) for column in columns)


def the_check_takes(path: Path, target: str, task: Any) -> bool:
    try:
        check_data_file(path, target=target, task=task)
    except DataError:
        return False
    return True


def test_the_tables_are_those_of_the_trainer():
    assert frozenset(reading.MISSING_WORDS) == MISSING_TEXTS
    assert reading.DELIMITERS == DELIMITERS
    assert targets.MIN_ROWS == MIN_ROWS
    assert list(estimators.ESTIMATORS) == list(TASKS_OF)
    for name, tasks in TASKS_OF.items():
        assert [task for task in TASKS if estimators.task_problem(name, task) is None] == list(tasks)  # type: ignore[arg-type]
    assert {metric.task for metric in METRICS.values()} == set(TASKS)


GOOD = "a,y\n" + "".join(f"{row},{row % 2}\n" for row in range(20))
CONTENTS = {
    "good": GOOD,
    "empty": "",
    "blank": "\n\n",
    "no rows": "a,y\n",
    "no target": GOOD.replace("y", "z"),
    "semicolons": GOOD.replace(",", ";"),
    "mark": "\ufeff" + GOOD,
    "windows": GOOD.replace("\n", "\r\n"),
    "old mac": GOOD.replace("\n", "\r"),
    "twice": GOOD.replace("a,y", "y,y"),
    "spaced header": GOOD.replace("a,y", "a , y "),
    "no name": GOOD.replace("a,y", ",y"),
    "numbers for names": GOOD.replace("a,y", "1,2"),
    "too wide": GOOD + "1,2,3\n",
    "too narrow": GOOD + "1\n",
    "empty line": GOOD + "\n\n1,1\n",
    "blank line": GOOD + "  \n",
    "quoted": GOOD + '"1","0"\n',
    "quoted break": GOOD + '"1\n2",0\n',
    "text among numbers": GOOD + "1,x\n",
    "spaces around numbers": GOOD + "1, 1 \n",
    "plus": GOOD + "1,+1\n",
    "exponent": GOOD + "1,1e3\n",
    "underscore": GOOD + "1,1_0\n",
    "thousands": GOOD + '1,"1,000"\n',
    "infinite": GOOD + "1,inf\n",
    "missing": GOOD + "1,NA\n1,?\n1,\n",
    "only missing": "a,y\n" + "1,NA\n" * 20,
    "one value": "a,y\n" + "1,2\n" * 20,
    "nine rows": "a,y\n" + "".join(f"{row},{row}\n" for row in range(9)),
    "true and false": "a,y\n" + "1,true\n2,False\n" * 10,
    "latin": GOOD.encode() + "1,é\n".encode("latin-1"),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", CONTENTS)
def test_both_take_or_refuse_the_same_files(tmp_path: Path, name: str, task: str):
    content = CONTENTS[name]
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert the_check_takes(path, "y", task) == the_trainer_takes(path, "y", task)


CELL = st.sampled_from(
    ["0", "1", "2.5", "-3", "+1", ".5", "1e2", "x", "NA", "", " ", "true", "nan", "inf", '"a"']
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=8, max_size=20), task=st.sampled_from(TASKS))
def test_both_judge_any_small_table_alike(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], task: str
):
    path = tmp_path_factory.mktemp("any") / "data.csv"
    path.write_text("a,y\n" + "".join(f"{left},{right}\n" for left, right in rows))
    assert the_check_takes(path, "y", task) == the_trainer_takes(path, "y", task)
