"""A stack file as text: read for what it says, and edited so that nothing but the pinned model changes.

Every other byte stays as people wrote it: comments, order, quotes, line ends. So the text is edited where the
parser says that values are, and not written anew from what was read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import yaml

from mlcloud.core.errors import UserError
from mlcloud.core.yamltext import (
    Edit,
    edited,
    end_of,
    entries_of,
    is_empty,
    line_end,
    scalar,
    start_of,
    text_of,
    value_of,
)

NAMESPACE: Final = "mlcloud"
MODEL_KEY: Final = f"{NAMESPACE}:model"
PIN_KEYS: Final = ("name", "uri", "sha256", "version")
# What stands before the model in a stack file, as in the list of all settings.
_BEFORE: Final = tuple(
    f"{NAMESPACE}:{key}" for key in ("cloud", "environment", "region", "tags", "data", "training")
)


class _UnusualError(Exception):
    """The file is written in a way that is not edited."""


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """A stack file.

    Attributes:
        text: Its text, as it lies on the disk.
        where: Its path, for messages.
        project: The project's name, which is the namespace of keys without one.
    """

    text: str
    where: str
    project: str = NAMESPACE

    def config(self) -> dict[str, Any]:
        """Return its config: full keys to plain values; a secret is the mapping with the key `secure`.

        Raises:
            UserError: it cannot be read.
        """
        given = _mapping(self._document().get("config"))
        found = {self._full(key): value for key, value in given.items()}
        if len(found) < len(given):
            twice = sorted(key for key in given if ":" not in key and self._full(key) in given)
            raise UserError(
                f"{self.where} cannot be used: {', '.join(twice)} is there with and without `{self.project}:`"
            )
        return found

    def with_pin(self, pin: Mapping[str, str]) -> "StackFile":
        """Return the file with another pinned model.

        Args:
            pin: `name`, `uri`, `sha256` and `version`.

        Raises:
            UserError: it cannot be read, or not be edited without touching something else, as where the value
                is an alias; the message has the lines to write by hand.
        """
        was = self.config()
        try:
            new = StackFile(text=edited(self.text, self._edits(pin)), where=self.where, project=self.project)
            now = {**was, MODEL_KEY: {**_mapping(was.get(MODEL_KEY)), **pin}}
            if new.config() == now and _rest(new._document()) == _rest(self._document()):
                return new
        except (UserError, _UnusualError):
            pass
        raise UserError(
            f"{self.where} is written in a way that cannot be edited without touching something else. "
            f"Write this below `config:` by hand:\n{_block(pin, '  ')}"
        )

    def _document(self) -> dict[str, Any]:
        try:
            root = self._root()
            return {} if root is None else _mapping(value_of(root))
        except (yaml.YAMLError, ValueError) as error:
            raise UserError(f"{self.where} cannot be read: {error}") from None

    def _full(self, key: str) -> str:
        return key.replace(":config:", ":") if ":" in key else f"{self.project}:{key}"

    def _root(self) -> yaml.Node | None:
        return cast("yaml.Node | None", yaml.compose(self.text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]

    def _edits(self, pin: Mapping[str, str]) -> list[Edit]:
        root, end = self._root(), len(self.text)
        if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
            raise _UnusualError
        entries = () if root is None else entries_of(root)
        config = next((value for key, value in entries if text_of(key) == "config"), None)
        if config is None:
            return [Edit(start=end, end=end, new=f"config:\n{_block(pin, '  ')}")]
        if is_empty(config):
            return self._replacing(config, _block(pin, "  "))
        if not isinstance(config, yaml.MappingNode) or config.flow_style:
            raise _UnusualError
        found = [entry for entry in entries_of(config) if self._full(text_of(entry[0])) == MODEL_KEY]
        if not found:
            return [self._insertion(config, pin)]
        ((key, model),) = found
        if isinstance(model, yaml.MappingNode) and model.value:
            return list(self._changes(model, pin))
        return self._replacing(model, _lines(pin, " " * key.start_mark.column))

    def _replacing(self, value: yaml.Node, lines: str) -> list[Edit]:
        """A value behind its key goes, lines below the key come; a comment behind it stays where it is."""
        start, end = start_of(value), end_of(value)
        if end > start and self.text[start - 1] == " ":
            start -= 1
        below = line_end(self.text, end)
        return [Edit(start=start, end=end, new=""), Edit(start=below, end=below, new=lines)]

    def _insertion(self, config: yaml.MappingNode, pin: Mapping[str, str]) -> Edit:
        """Where the model comes in: behind the last of the keys that stand before it in the settings."""
        entries = entries_of(config)
        first = entries[0][0].start_mark
        before = [value for key, value in entries if self._full(text_of(key)) in _BEFORE]
        here = line_end(self.text, end_of(before[-1])) if before else first.index - first.column
        return Edit(start=here, end=here, new=_block(pin, " " * first.column))

    def _changes(self, model: yaml.MappingNode, pin: Mapping[str, str]) -> Iterator[Edit]:
        """What changes inside a pin: the values alone, wherever they stand."""
        entries = entries_of(model)
        for key, value in entries:
            new = pin.get(text_of(key))
            if new is None or value_of(value) == new:
                continue
            if not isinstance(value, yaml.ScalarNode):
                raise _UnusualError
            start = start_of(value)
            space = "" if self.text[start - 1] in " \t" else " "
            yield Edit(start=start, end=end_of(value), new=space + scalar(new, style=value.style))
        missing = [key for key in PIN_KEYS if key not in {text_of(key) for key, _ in entries}]
        if not missing:
            return
        here, last = end_of(entries[-1][1]), entries[0][0].start_mark.column
        if model.flow_style:
            yield Edit(start=here, end=here, new="".join(f", {key}: {scalar(pin[key])}" for key in missing))
        else:
            here = line_end(self.text, here)
            lines = "".join(f"{' ' * last}{key}: {scalar(pin[key])}\n" for key in missing)
            yield Edit(start=here, end=here, new=lines)


def _block(pin: Mapping[str, str], indent: str) -> str:
    return f"{indent}{MODEL_KEY}:\n{_lines(pin, indent)}"


def _lines(pin: Mapping[str, str], indent: str) -> str:
    return "".join(f"{indent}  {key}: {scalar(pin[key])}\n" for key in PIN_KEYS)


def _rest(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "config"}


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
