"""The rooms of the embedded engine: imports go one way, and the engine stays small (ADR 0017)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import mlcloud.embedded
import mlcloud.simulated
import pytest

PACKAGE = "mlcloud.embedded"
ROOMS = ("errors", "events", "properties", "state", "project", "providers", "program", "engine")
"""Each may import those before it."""

ENGINE = ("__init__", "errors", "events", "engine")
"""What is counted as the engine: the room, and the words that all rooms share."""

MAX_ENGINE_LINES = 1_499
MAX_MODULE_LINES = 400

HOUSE = Path(mlcloud.embedded.__file__).parent


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its head or inside; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def room_of(file: Path, house: Path) -> str:
    return file.relative_to(house).parts[0].removesuffix(".py")


def wrong_imports(house: Path) -> list[str]:
    problems = []
    for file in sorted(house.rglob("*.py")):
        room = room_of(file, house)
        if room == "__init__":
            continue
        allowed = ROOMS[: ROOMS.index(room) + 1]
        for name in imported(file):
            if name.startswith(".") or name == PACKAGE:
                problems.append(f"{file.relative_to(house)} imports {name}: name the module in full")
            elif name.startswith(f"{PACKAGE}.") and name.split(".")[2] not in allowed:
                problems.append(f"{file.relative_to(house)} imports {name}, which stands above {room}")
    return problems


def wrong_sizes(house: Path) -> list[str]:
    lines = {file: len(file.read_text().splitlines()) for file in sorted(house.rglob("*.py"))}
    problems = [
        f"{file.relative_to(house)} has {count} lines"
        for file, count in lines.items()
        if count > MAX_MODULE_LINES
    ]
    engine = sum(count for file, count in lines.items() if room_of(file, house) in ENGINE)
    if engine > MAX_ENGINE_LINES:
        problems.append(f"the engine has {engine} lines")
    return problems


def test_every_module_lies_in_a_room() -> None:
    assert {room_of(file, HOUSE) for file in HOUSE.rglob("*.py")} == {*ROOMS, "__init__"}


def test_imports_between_rooms_go_one_way() -> None:
    assert wrong_imports(HOUSE) == []


def test_the_engine_and_each_of_its_modules_stay_small() -> None:
    assert wrong_sizes(HOUSE) == []


def test_simulated_clouds_know_of_property_values_alone() -> None:
    house = Path(mlcloud.simulated.__file__).parent
    names = {name for file in house.rglob("*.py") for name in imported(file) if name.startswith(PACKAGE)}
    assert names
    assert {name.split(".")[2] for name in names} == {"properties"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("from mlcloud.embedded.engine.plan import Plan\n", "engine.plan.Plan, which stands above state"),
        (
            "def f():\n    import mlcloud.embedded.project.project\n",
            "project.project, which stands above state",
        ),
        ("from mlcloud.embedded import engine\n", "mlcloud.embedded.engine, which stands above state"),
        ("from ..engine import plan\n", "imports ..engine.plan: name the module in full"),
    ],
)
def test_an_import_from_below_is_noticed(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "state" / "backend.py"
    file.parent.mkdir()
    file.write_text("from mlcloud.embedded.properties import values\nfrom mlcloud.embedded.errors import A\n")
    assert wrong_imports(tmp_path) == []
    file.write_text(text)
    (found,) = wrong_imports(tmp_path)
    assert problem in found


def test_a_module_and_an_engine_that_grew_too_large_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    for name, count in (("engine/a.py", 400), ("engine/b.py", 400), ("engine/c.py", 400), ("events.py", 299)):
        (tmp_path / name).write_text("\n" * count)
    assert wrong_sizes(tmp_path) == []
    (tmp_path / "events.py").write_text("\n" * 300)
    assert wrong_sizes(tmp_path) == ["the engine has 1500 lines"]
    (tmp_path / "state.py").write_text("\n" * 401)
    assert wrong_sizes(tmp_path) == ["state.py has 401 lines", "the engine has 1500 lines"]
