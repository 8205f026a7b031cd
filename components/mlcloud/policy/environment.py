"""Controls of what is handed to programs in their environment, on every cloud."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from mlcloud.core.errors import Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_NAMES: Final = re.compile(
    r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL)S?$", re.IGNORECASE
)
# Access key ids of AWS (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), API
# keys of Google (https://cloud.google.com/docs/authentication/api-keys), keys in PEM.
_VALUES: Final = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_KEYS: Final = ("environment", "env", "envs", "environmentvariables")
# A secret's name is none: `arn:aws:secretsmanager:...`, `projects/<project>/secrets/...`.
_SECRETS_NAME: Final = re.compile(r"arn:|projects/[^/]+/secrets/")
# Documents inside a text: what Batch, ECS and Cloud Control take.
_DOCUMENTS: Final = ("containerProperties", "nodeProperties", "containerDefinitions", "desiredState")


def _environments(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every map of environment variables below a value, with its path."""
    if isinstance(node, list):
        for index, item in enumerate(cast("list[Any]", node)):
            yield from _environments(item, f"{path}[{index}]")
    if not isinstance(node, dict):
        return
    for key, given in cast("dict[str, Any]", node).items():
        at = f"{path}.{key}".lstrip(".")
        value = _parsed(given) if key in _DOCUMENTS else given
        if key.lower() in _KEYS or (key in _DOCUMENTS and value == UNKNOWN):
            yield at, _variables(value)
        else:
            yield from _environments(value, at)


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text


def _variables(value: Any) -> Mapping[str, Any]:
    """Return variables by name, as a map, or as a list of names and values, as containers have them."""
    if isinstance(value, list):
        pairs = [cast("dict[str, Any]", one) for one in cast("list[Any]", value) if isinstance(one, dict)]
        return {str(one.get("name", one.get("Name"))): one.get("value", one.get("Value")) for one in pairs}
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        inner = fields.get("variables")
        return cast("dict[str, Any]", inner) if isinstance(inner, dict) else fields
    return {"": value}


def _has_environment(resource: Resource, _declared: Declared) -> bool:
    return next(_environments(resource.inputs, ""), None) is not None


def _no_secrets(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    for path, variables in _environments(resource.inputs, ""):
        for name, value in variables.items():
            at = f"{path}.{name}".rstrip(".")
            if _holds_a_secret(name, value):
                fix = "give the secret's name, and read it from the cloud's secret store in the program"
                # The value itself is not told: this is printed.
                yield problem(at, "a literal", "no secrets: everybody who sees the resource reads them", fix)
            elif value == UNKNOWN and (not name or _NAMES.search(name)):
                yield problem(at, UNKNOWN, "no secrets", "look again when the values are known")


def _holds_a_secret(name: str, value: Any) -> bool:
    if not isinstance(value, str) or value in ("", UNKNOWN):
        return False
    named = _NAMES.search(name) is not None and not _SECRETS_NAME.match(value)
    return named or _VALUES.search(value) is not None


CONTROLS: Final = (
    Control(
        id="environment-no-secrets",
        sources=["CKV_AWS_45", "CKV_AWS_173", "CKV_AWS_258", "own"],
        title="No secret stands in an environment variable",
        severity="high",
        why="Consoles, logs and every `Describe` call show it.",
        types=[],
        judge=_no_secrets,
        applies=_has_environment,
    ),
)
