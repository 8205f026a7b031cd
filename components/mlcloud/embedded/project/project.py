"""The Pulumi project around the program: Pulumi.yaml, its plugins, and each stack's config for the program.

What a stack file says is flattened to Pulumi's config map, ``namespace:key`` to a string, exactly as the CLI
passes it (pulumi/pulumi: sdk/go/common/resource/config, pkg/workspace/config.go).
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast

import yaml

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.properties.trees import MISSING, rebuild, walk
from mlcloud.embedded.state.secrets import Passphrase, PassphraseSecrets

PROJECT_FILE = "Pulumi.yaml"
_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]
_NUMBER = (
    r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF|nan|NaN|NAN))"
)


class ProjectError(EngineError):
    """The project or a stack file cannot be used; the message lists every problem that was found."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A provider plugin that the project brings along (``plugins.providers``)."""

    name: str
    path: Path
    """Its folder, absolute."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The config of one stack, ready for a program."""

    values: dict[str, str]
    """``namespace:key`` to text; structured values are JSON. Secrets are plain here."""
    secret_keys: list[str]
    """The keys of ``values`` that hold a secret, wholly or somewhere inside."""
    secret_texts: list[str] = field(default_factory=list[str])
    """Every encrypted text in plain."""
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    """The same keys as the stack file holds them, secrets still encrypted: what the history keeps."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """One Pulumi project: a folder with a Pulumi.yaml."""

    root: Path
    name: str
    runtime: str
    program_dir: Path
    """Where the program (``__main__.py``) lies: ``main`` of Pulumi.yaml."""
    config_dir: Path
    """Where the stack files lie: ``stackConfigDir`` of Pulumi.yaml."""
    plugins: list[Plugin]
    declarations: dict[str, dict[str, Any]]
    """The config keys that Pulumi.yaml declares: ``namespace:key`` to type, items, default, value, secret."""

    @classmethod
    def load(cls, start: Path) -> "Project":
        """Find the Pulumi.yaml of ``start`` or of the nearest folder above it, and read it.

        Raises:
            ProjectError: There is none, or it cannot be used.
        """
        start = start.absolute()
        for folder in (start, *start.parents):
            if (folder / PROJECT_FILE).is_file():
                return cls._read(folder / PROJECT_FILE)
        raise ProjectError(f"There is no {PROJECT_FILE} in {start} or in any folder above it.")

    @classmethod
    def _read(cls, path: Path) -> "Project":
        document = _read_yaml(path)
        root, problems = path.parent, list[str]()
        name, runtime = document.get("name"), document.get("runtime")
        if isinstance(runtime, dict):
            runtime = cast(dict[str, Any], runtime).get("name")
        if not isinstance(name, str) or not name:
            problems.append(f"name: {name!r} is not a name")
        if runtime != "python":
            problems.append(f"runtime: {runtime!r} is not known, only python: run this project with pulumi")
        config: Any = document.get("config") or {}
        config_dir = document.get("stackConfigDir", config if isinstance(config, str) else ".")
        if problems:
            raise ProjectError(_listed(path, problems))
        return cls(
            root=root,
            name=cast(str, name),
            runtime="python",
            program_dir=(root / document.get("main", ".")).resolve(),
            config_dir=root / config_dir,
            plugins=_read_plugins(path, document.get("plugins")),
            declarations={} if isinstance(config, str) else _read_declarations(path, cast(str, name), config),
        )

    def stack_names(self) -> list[str]:
        """Name the stacks that have a stack file, in order."""
        files = self.config_dir.glob("Pulumi.*.yaml")
        return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in files)

    def stack_file(self, stack: str) -> Path:
        """Return the path of a stack's file; it may not exist."""
        return self.config_dir / f"Pulumi.{stack}.yaml"

    def require_stack_file(self, stack: str) -> Path:
        """Return the path of a stack's file, which exists.

        Raises:
            ProjectError: It does not; the message names the stacks that there are.
        """
        path = self.stack_file(stack)
        if not path.is_file():
            names = ", ".join(self.stack_names()) or "none yet"
            raise ProjectError(f"There is no stack {stack!r}: {path} does not exist. Stacks: {names}.")
        return path

    def config(self, stack: str, passphrase: Passphrase) -> StackConfig:
        """Read a stack's config and add what Pulumi.yaml declares.

        Args:
            stack: The stack's name.
            passphrase: Opens the encrypted values; it is only read where there are some.

        Raises:
            ProjectError: There is no such stack file, it cannot be used, or declared keys are missing or of
                another type: all problems at once.
            SecretsError: An encrypted value cannot be decrypted.
        """
        path = self.require_stack_file(stack)
        document = _read_yaml(path)
        problems: list[str] = []
        if (provider := document.get("secretsprovider", "")) not in ("", "default", "passphrase"):
            problems.append(f"secretsprovider: {provider!r} is not known: run this stack with pulumi")
        if document.get("environment"):
            problems.append("environment: Pulumi ESC is not known: run this stack with pulumi")
        raw: dict[str, Any] = {}
        for key, value in _mapping(path, "config", document.get("config")).items():
            raw[_qualified(self.name, key)] = value
        self._declare(raw, problems)
        if problems:
            raise ProjectError(_listed(path, problems))
        secrets, texts = PassphraseSecrets(passphrase, document.get("encryptionsalt")), list[str]()

        def decrypt(ciphertext: str) -> str:
            texts.append(secrets.decrypt(ciphertext))
            return texts[-1]

        return StackConfig(
            values={key: _as_text(_reveal(value, decrypt)) for key, value in raw.items()},
            secret_texts=texts,
            secret_keys=[key for key, value in raw.items() if _holds_secret(value)],
            raw=raw,
        )

    def _declare(self, raw: dict[str, Any], problems: list[str]) -> None:
        """Add the defaults of Pulumi.yaml and check the declared keys as Pulumi does."""
        for key, declaration in self.declarations.items():
            if key not in raw:
                value = declaration.get("default", declaration.get("value"))
                if value is not None:
                    raw[key] = value
                elif key.startswith(f"{self.name}:"):
                    problems.append(f"{key}: is missing, and {PROJECT_FILE} gives no default")
                continue
            if declaration.get("secret") and not _holds_secret(raw[key]):
                problems.append(f"{key}: must be encrypted (pulumi config set --secret {key})")
            elif not _is_secret(raw[key]) and not _has_type(raw[key], declaration):
                problems.append(f"{key}: {raw[key]!r} is not of the type {declaration['type']}")


def _read_plugins(path: Path, plugins: Any) -> list[Plugin]:
    providers: Any = _mapping(path, "plugins", plugins).get("providers") or []
    try:
        return [Plugin(name=item["name"], path=(path.parent / item["path"]).resolve()) for item in providers]
    except (KeyError, TypeError) as error:
        raise ProjectError(f"{path}: plugins.providers: every item needs a `name` and a `path`") from error


def _read_declarations(path: Path, project: str, config: Any) -> dict[str, dict[str, Any]]:
    declarations: dict[str, dict[str, Any]] = {}
    for key, value in _mapping(path, "config", config).items():
        if re.search(r'[.\["]', key):
            raise ProjectError(f"{path}: config.{key}: paths are not known: run this project with pulumi")
        qualified = _qualified(project, key)
        short = "default" if qualified.startswith(f"{project}:") else "value"
        declarations[qualified] = cast(dict[str, Any], value) if isinstance(value, dict) else {short: value}
    return declarations


def _qualified(project: str, key: str) -> str:
    return key.replace(":config:", ":") if ":" in key else f"{project}:{key}"


def _has_type(value: Any, declaration: Mapping[str, Any], *, inside: bool = False) -> bool:
    match declaration.get("type"):
        case "string":
            return isinstance(value, str) if inside else not isinstance(value, list | dict)
        case "integer":
            return re.fullmatch(r"[+-]?[0-9]+", _as_text(value)) is not None
        case "boolean":
            return _as_text(value) in ("true", "false")
        case "object":
            return isinstance(value, dict)
        case "array":
            items = cast(dict[str, Any], declaration.get("items") or {})
            return isinstance(value, list) and all(
                _has_type(item, items, inside=True) for item in cast(list[Any], value)
            )
        case _:
            return True


def _is_secret(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    fields = cast(dict[str, Any], value)
    return list(fields) == ["secure"] and isinstance(fields["secure"], str)


def _holds_secret(value: Any) -> bool:
    return any(_is_secret(item) for item in walk(value))


def _reveal(value: Any, decrypt: Callable[[str], str]) -> Any:
    return rebuild(value, lambda item: decrypt(item["secure"]) if _is_secret(item) else MISSING)


def _as_text(value: Any) -> str:
    """Write a value as Go's encoding/json does, so that a program gets the same text from both engines."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(_as_json(item) for item in cast(list[Any], value))}]"
    if isinstance(value, dict):
        fields = sorted(cast(dict[str, Any], value).items())
        return f"{{{','.join(f'{_as_json(key)}:{_as_json(item)}' for key, item in fields)}}}"
    if isinstance(value, float):
        if not value or 1e-6 <= abs(value) < 1e21:
            return format(Decimal(repr(int(value) if value.is_integer() else value)), "f")
        return re.sub(r"\.0(?=e)|(?<=e-)0", "", repr(value))
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _mapping(path: Path, key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProjectError(f"{path}: {key}: expected keys and values, found {value!r}")
    return {str(name): item for name, item in cast(dict[Any, Any], value).items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)  # noqa: S506 - a SafeLoader
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error
    return _mapping(path, "the file", document)


def _listed(path: Path, problems: list[str]) -> str:
    return f"{path}:\n  " + "\n  ".join(problems)


class _Loader(yaml.SafeLoader):
    """Reads YAML as Pulumi's Go library does: `on`, `12:30` are text, `1e3` is a number, keys are unique."""

    # The stubs call it an instance variable; PyYAML itself keeps it on the class.
    yaml_implicit_resolvers: ClassVar[_Resolvers] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        first: [
            ("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$")),
            ("tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$")),
            ("tag:yaml.org,2002:merge", re.compile(r"<<$")),
            ("tag:yaml.org,2002:timestamp", re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ]+\d{1,2}:.*)?$")),
            ("tag:yaml.org,2002:float", re.compile(_NUMBER + "$")),
        ]
        for first in ["", *"~nNtTfF<-+.0123456789"]
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        text = self.construct_scalar(node).replace("_", "")
        try:
            number = int(text, 8) if re.fullmatch(r"[+-]?0[0-7]+", text) else int(text, 0)
        except ValueError:
            number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
        if -(2**63) <= number < 2**64:
            return number
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(None, None, f"{text} has no JSON form", node.start_mark)
        return float(number)

    def construct_timestamp(self, node: yaml.ScalarNode) -> str:
        text = self.construct_scalar(node)
        raise yaml.constructor.ConstructorError(None, None, f"the date {text} needs quotes", node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_timestamp)
