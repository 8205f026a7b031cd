"""A stack file whose pin is written anew: validated before, shown as a difference, replaced in one step."""

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from mlcloud.cli.outputs import near_path
from mlcloud.core.errors import ConfigError, UserError
from mlcloud.core.stackfile import MODEL_KEY, NAMESPACE, PIN_KEYS, StackFile
from mlcloud.embedded.project.project import Project

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, kw_only=True)
class PinnedStack:
    """A stack as its file says it is.

    Attributes:
        name: The stack's name.
        path: Its file.
        file: What the file says.
        declared: The defaults of the project's config keys.
    """

    name: str
    path: Path
    file: StackFile
    declared: Mapping[str, Any]

    @classmethod
    def load(cls, project: Project, stack: str) -> "PinnedStack":
        """Read a stack's file.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        path = project.require_stack_file(stack).resolve()
        try:
            text = path.read_bytes().decode()
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}") from None
        file = StackFile(text=text, where=near_path(str(path)), project=project.name)
        declared = {key: item["default"] for key, item in project.declarations.items() if "default" in item}
        return cls(name=stack, path=path, file=file, declared=declared)

    def setting(self, name: str) -> Any:
        """Return the value of one of mlcloud's keys, or None where neither file nor project has it."""
        key = f"{NAMESPACE}:{name}"
        return self.file.config().get(key, self.declared.get(key))

    @property
    def cloud(self) -> str:
        """The cloud that the file names."""
        return str(self.setting("cloud") or "local")

    @property
    def pin(self) -> dict[str, str] | None:
        """The version that the file pins; None where it pins none."""
        given = self.file.config().get(MODEL_KEY)
        if not isinstance(given, dict):
            return None
        return {key: str(value) for key, value in cast("dict[str, Any]", given).items() if key in PIN_KEYS}

    def with_pin(self, pin: Mapping[str, str]) -> "PinnedStack":
        """Return the stack with another pin, whose settings are valid as a whole.

        Raises:
            UserError: they are not, or the file cannot be edited; nothing was written.
        """
        changed = replace(self, file=self.file.with_pin(pin))
        changed.validate()
        return changed

    def validate(self) -> None:
        """Hold the whole file against the settings.

        Values that are encrypted are not looked at.

        Raises:
            ConfigError: with every problem.
        """
        from mlcloud.core.settings.load import load

        values = {**self.declared, **self.file.config()}
        secret = tuple(key for key, value in values.items() if _holds_secret(value))
        try:
            load({key: _as_text(value) for key, value in values.items()}, NAMESPACE, secret_keys=secret)
        except ConfigError as error:
            problems = [problem for problem in error.problems if not problem.path.startswith(secret)]
            if problems:
                raise ConfigError(problems, title=f"{self.file.where} with the new pin") from None

    def difference(self, before: "PinnedStack") -> list[str]:
        """Return the unified difference to an earlier text of the file, line by line."""
        where = self.file.where
        old, new = before.file.text.splitlines(), self.file.text.splitlines()
        return list(difflib.unified_diff(old, new, where, where, lineterm=""))

    def write(self) -> None:
        """Replace the file in one step: a reader sees the old one or the new one.

        Raises:
            UserError: it cannot be written; the old one is whole.
        """
        temporary: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
            temporary = Path(name)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(self.file.text.encode())
                stream.flush()
                os.fsync(stream.fileno())
            shutil.copymode(self.path, temporary)
            temporary.replace(self.path)
        except OSError as error:
            raise UserError(f"{self.file.where} could not be written: {error}. It is as it was.") from None
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def print_difference(console: Console, lines: list[str]) -> None:
    """Print a unified difference, in colour on a terminal."""
    for line in lines:
        style = "bold" if line.startswith(("+++", "---")) else _STYLES.get(line[:1], "")
        console.print(Text(line, style=style), soft_wrap=True)


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return list(fields) == ["secure"] or any(_holds_secret(item) for item in fields.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in cast("list[object]", value))


def _as_text(value: object) -> str:
    """Return a value as Pulumi gives it to a program: text as it is, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
