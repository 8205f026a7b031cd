"""init: a small project of one's own, which `mlcloud up` trains and serves at once."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mlcloud.cli.terminal import terminal
from mlcloud.core.datafile import check_data_file
from mlcloud.core.errors import UserError
from mlcloud.plugin import FOLDER, environment

_TEMPLATE: Final = Path(__file__).resolve().parent / "template"
_STACK: Final = "local-dev"
_EXAMPLE: Final = "iris.csv"
_EXAMPLE_TRAINING: Final = {
    "estimator": "logistic_regression",
    "target": "species",
    "gate": {"accuracy": 0.85},
}
_Content = bytes | Path
"""What a file holds, or the file that it is a copy of."""
_EXAMPLE_COMMENT: Final = """\
# 150 irises: Fisher, R. A. (1936), https://doi.org/10.24432/C56C76, CC BY 4.0; from scikit-learn's copy.
"""


def init(args: argparse.Namespace) -> int:
    """Write the project, or nothing of it."""
    folder = Path(args.directory).expanduser().absolute()
    _refuse_what_is_in_use(folder)
    files = _project_files(folder, args.data, args.target)
    _refuse_to_overwrite(folder, files)
    _write(folder, files)
    console = terminal()
    console.print(f"Made {folder}: {', '.join(sorted(files))}", soft_wrap=True)
    here = "" if folder == Path.cwd() else f"cd {args.directory} && "
    console.print(f"Next: {here}{_command()} up {_STACK}", soft_wrap=True)
    return 0


def _refuse_what_is_in_use(folder: Path) -> None:
    """Refuse a folder with anything but hidden things in it, such as .git, and an environment."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Name a folder that is empty or not there yet.")
    try:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}.") from None
    in_use = [
        name for name in names if not name.startswith(".") and not (folder / name / "pyvenv.cfg").is_file()
    ]
    if in_use:
        raise UserError(_is_not_empty(folder, in_use))


def _refuse_to_overwrite(folder: Path, files: Mapping[str, _Content]) -> None:
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise UserError(_is_not_empty(folder, there))


def _is_not_empty(folder: Path, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"{folder} is not empty: it holds {', '.join(names[:3])}{more}. Nothing was written. "
        "Name a folder that is empty or not there yet."
    )


def _project_files(folder: Path, data: Path | None, target: str | None) -> dict[str, _Content]:
    """Return every file of the project by its path in it.

    Raises:
        UserError: the data cannot be trained on.
    """
    from mlcloud.core.schema import stack_file_schema

    if (data is None) != (target is None):
        raise UserError("--data and --target go together: the file, and its column to predict.")
    if data is None or target is None:
        comment, training = _EXAMPLE_COMMENT, _EXAMPLE_TRAINING
        data_name, data = _EXAMPLE, _TEMPLATE / _EXAMPLE
    else:
        # It predicts numbers and classes alike: which of them, the data tells.
        comment, training = "", {"estimator": "random_forest", "target": target}
        data = data.expanduser()
        check_data_file(data, target=target)
        data_name = data.name
    files = {
        "Pulumi.yaml": _project_file(folder),
        f"Pulumi.{_STACK}.yaml": _stack_file(comment, {"path": f"data/{data_name}"}, training),
        "__main__.py": (_TEMPLATE / "__main__.py").read_text("utf-8"),
        "requirements.txt": f"mlcloud=={version('mlcloud')}\n",
        "stack.schema.json": json.dumps(stack_file_schema(), indent=2, ensure_ascii=False) + "\n",
        ".gitignore": ".state/\n.venv/\n__pycache__/\n",
    }
    return {**{name: text.encode() for name, text in files.items()}, f"data/{data_name}": data}


def _project_file(folder: Path) -> str:
    """Return Pulumi.yaml. Paths inside of the project are relative, so that they hold on other machines."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-") or "mlcloud"
    place = environment()
    options: dict[str, str] = {"toolchain": "pip"}
    if place is not None:
        options["virtualenv"] = _near(place, folder)
    document: dict[str, Any] = {
        "name": name,
        "description": "A machine-learning stack, made by `mlcloud init`",
        "runtime": {"name": "python", "options": options},
        # The last one, so that its comment stands before it.
        "plugins": {"providers": [{"name": "mlcloud", "path": _near(FOLDER, folder)}]},
    }
    head, plugins = _yaml(document).split("plugins:\n")
    return f"{head}# The path that `mlcloud plugin path` prints.\nplugins:\n{plugins}"


def _stack_file(comment: str, data: dict[str, Any], training: dict[str, Any]) -> str:
    values = {"cloud": "local", "environment": "dev", "data": data, "training": training}
    config = _yaml({"config": {f"mlcloud:{key}": value for key, value in values.items()}})
    return f"# yaml-language-server: $schema=stack.schema.json\n{comment}{config}"


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def _near(path: Path, folder: Path) -> str:
    inside = folder.resolve()
    return str(path.relative_to(inside)) if path.is_relative_to(inside) else str(path)


def _write(folder: Path, files: Mapping[str, _Content]) -> None:
    """Write all files, or leave nothing behind."""
    made: list[Path] = []
    try:
        for name, content in files.items():
            path = folder / name
            for above in reversed([above for above in path.parents if not above.exists()]):
                above.mkdir()
                made.append(above)
            # Noted first: a file that is half written is removed, too.
            made.append(path)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content)
    except BaseException as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(
                f"{error.filename or folder} cannot be written: {error.strerror}. Nothing is left of it."
            ) from None
        raise


def _command() -> str:
    """Return how the command was typed, so that the next one works the same way."""
    typed = Path(sys.argv[0])
    if typed.name != "mlcloud" or os.sep not in sys.argv[0]:
        return "mlcloud"
    return str(typed.absolute())
