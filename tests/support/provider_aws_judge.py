"""Judges calls of AWS's API by botocore's service models: types, and what botocore itself does not check."""

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator


@functools.cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def problems(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    """What the API would not take: unknown, missing and mistyped members, then forms, ranges and enums."""
    shape = service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape).generate_report()
    found = [line for line in report.splitlines() if line]
    return found + list(_limits(shape, parameters, operation))


def _limits(shape: Any, value: Any, path: str) -> Iterator[str]:
    yield from _own_limits(shape, value, path)
    if shape.type_name == "structure":
        for name, member in value.items():
            if name in shape.members:
                yield from _limits(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from _limits(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _limits(shape.key, key, f"{path} key")
            yield from _limits(shape.value, member, f"{path}.{key}")


def _own_limits(shape: Any, value: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    size = len(value) if isinstance(value, str | list | dict) else value
    if isinstance(size, int | float) and not isinstance(size, bool):
        if low is not None and size < low:
            yield f"{path}: {value!r} is below {low}"
        if high is not None and size > high:
            yield f"{path}: {value!r} is above {high}"
    if isinstance(value, str) and shape.type_name == "string":
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not re.fullmatch(python_pattern(pattern), value):
            yield f"{path}: {value!r} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"


def python_pattern(pattern: str) -> str:
    """The models' regular expressions are Java's: its classes in Python's words, a little wider."""
    classes = {
        r"\p{L}": r"\w",
        r"\p{M}": "",
        r"\p{N}": r"\d",
        r"\p{Z}": r"\s",
        r"\p{S}": r"\W",
        r"\p{P}": r"\W",
        r"\p{Alnum}": "A-Za-z0-9",
        r"[\p{Print}]": r"[\x20-\x7E]",
        r"\p{Print}": r"[\x20-\x7E]",
        r"\p{ASCII}": r"[\x00-\x7F]",
        r"\z": r"\Z",
        r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
    }
    for java, python in classes.items():
        pattern = pattern.replace(java, python)
    # A hyphen after a class is itself; a length after the end of a form is a slip of the model.
    pattern = re.sub(r"(\\[wsd])-(?!\])", r"\1\\-", pattern)
    return re.sub(r"\$\{\d+,\d+\}$", "", pattern)
