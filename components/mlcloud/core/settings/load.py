"""Reads a stack's config into `Settings`, or tells everything that is wrong with it."""

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from pydantic import ValidationError

from mlcloud.core.errors import ABSENT, ConfigError, Problem
from mlcloud.core.settings.model import Settings
from mlcloud.core.settings.problems import Path, problems_of
from mlcloud.core.settings.rules import Given, check

PROJECT: Final = "mlcloud"

_NEAR_NAMESPACE: Final = 0.75

# Keys whose values may hold a token.
_SECRET_NAMES: Final = ("webhook",)
_HIDDEN: Final = "[secret]"

# Its values may be null: scikit-learn has parameters that mean something by it, such as max_depth.
_NULL_IS_A_VALUE_UNDER: Final = ("training", "hyperparameters")


def load(values: Mapping[str, str], project: str = PROJECT, *, secret_keys: Collection[str] = ()) -> Settings:
    """Return the typed settings of a stack.

    Args:
        values: The stack's whole config as Pulumi holds it: full keys (`mlcloud:training`) to text, which is
            JSON where a value is structured. Keys of other namespaces are not looked at.
        project: The namespace, which is the project's name.
        secret_keys: Full keys whose values are not shown in errors.

    Raises:
        ConfigError: With every problem of the config.
    """
    given, problems = _parsed(values, project)
    settings: Settings | None = None
    wrong: dict[Path, Problem] = {}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        wrong = problems_of(error, given, project)
    problems += wrong.values()
    problems += check(Given(given, _without(given, wrong), project))
    if problems or settings is None:
        raise ConfigError([_masked(problem, secret_keys) for problem in problems])
    return settings


def from_pulumi_config(project: str = PROJECT) -> Settings:
    """Return the settings of the stack that the running Pulumi program belongs to.

    Raises:
        ConfigError: With every problem of the config.
    """
    from pulumi.runtime import config

    values = {**config.get_config_env(), **config.CONFIG.get()}
    secret_keys = {*config.get_config_secret_keys_env(), *filter(config.is_config_secret, values)}
    return load(values, project, secret_keys=secret_keys)


def _parsed(values: Mapping[str, str], project: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return the config of the project's namespace as values, and what could not be read at all."""
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, text in values.items():
        namespace, _, name = key.rpartition(":")
        if namespace != project:
            if difflib.SequenceMatcher(None, namespace.lower(), project).ratio() >= _NEAR_NAMESPACE:
                fix = f"write `{project}:{name}`"
                problems.append(Problem(path=key, value=text, allowed=f"the namespace {project}", fix=fix))
            continue
        try:
            value: Any = json.loads(text) if text.lstrip().startswith(("{", "[")) else text
        except ValueError as error:
            fix = "write the value as YAML in the stack file"
            problems.append(
                Problem(path=key, value=text, allowed=f"JSON that can be read ({error})", fix=fix)
            )
            continue
        value = _without_nulls(value, (name,))
        # Pulumi demands a default of every key that the project declares: an empty one says "not set".
        if value not in ("", "null", None) and value != {}:
            given[name] = value
    return given, problems


def _without_nulls(value: Any, path: Path) -> Any:
    """Drop keys that were written without a value: YAML makes null of them, and they set nothing."""
    if not isinstance(value, dict) or path == _NULL_IS_A_VALUE_UNDER:
        return cast("Any", value)
    items = cast("dict[str, Any]", value).items()
    return {key: _without_nulls(item, (*path, key)) for key, item in items if item is not None}


def _without(given: Mapping[str, Any], wrong: Collection[Path]) -> dict[str, Any]:
    """Return the config without the places that are wrong in themselves."""

    def kept(value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return value
        items = cast("dict[str, Any]", value).items()
        return {key: kept(item, (*path, key)) for key, item in items if (*path, key) not in wrong}

    return cast("dict[str, Any]", kept(dict(given), ()))


def _masked(problem: Problem, secret_keys: Collection[str]) -> Problem:
    """Hide what was encrypted, and what is a secret wherever it was written, rightly or not."""
    secret = problem.path.endswith(tuple(f".{name}" for name in _SECRET_NAMES)) or any(
        problem.path == key or problem.path.startswith((f"{key}.", f"{key}[")) for key in secret_keys
    )
    if problem.value is ABSENT:
        return problem
    return replace(problem, value=_HIDDEN if secret else _without_secrets(problem.value))


def _without_secrets(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = cast("dict[str, Any]", value).items()
    return {key: _HIDDEN if key in _SECRET_NAMES else _without_secrets(item) for key, item in items}
