"""The package schema, generated from the resources' dataclasses, for other languages and tools."""

import dataclasses
import inspect
import typing
from collections.abc import Sequence
from typing import Any

from mlcloud.provider.fields import bare, fields_of
from mlcloud.provider.resource import Resource


def package_schema(name: str, version: str, resources: Sequence[Resource[Any, Any]]) -> dict[str, Any]:
    """Pulumi's package schema (https://www.pulumi.com/docs/using-pulumi/pulumi-packages/schema/)."""
    types: dict[str, Any] = {}
    described: dict[str, Any] = {}
    for resource in resources:
        definition = resource.definition
        module = definition.token.rsplit(":", 1)[0]
        inputs, required_inputs = _properties(definition.inputs, module, types)
        outputs, required = _properties(definition.outputs, module, types)
        described[definition.token] = {
            "description": inspect.getdoc(type(resource)) or "",
            "inputProperties": inputs,
            "requiredInputs": required_inputs,
            "properties": outputs,
            "required": required,
        }
    return {
        "name": name,
        "version": version,
        "description": "What cloud providers lack for machine-learning stacks, and the local cloud.",
        "license": "Apache-2.0",
        "types": types,
        "resources": described,
    }


def _properties(record: type, module: str, types: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in fields_of(record):
        described = _type(field.type, module, types)
        if field.description:
            described["description"] = field.description
        if field.options.replace:
            described["willReplaceOnChanges"] = True
        if field.options.secret:
            described["secret"] = True
        properties[field.wire] = described
        if field.required:
            required.append(field.wire)
    return properties, required


def _type(hint: Any, module: str, types: dict[str, Any]) -> dict[str, Any]:
    kind = bare(hint)
    names: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
    if kind in names:
        return {"type": names[kind]}
    origin = typing.get_origin(kind)
    if origin is list:
        return {"type": "array", "items": _type(typing.get_args(kind)[0], module, types)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type(typing.get_args(kind)[1], module, types)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        token = f"{module}:{kind.__name__}"
        if token not in types:
            properties, required = _properties(kind, module, types)
            types[token] = {
                "description": inspect.getdoc(kind) or "",
                "type": "object",
                "properties": properties,
                "required": required,
            }
        return {"$ref": f"#/types/{token}"}
    raise TypeError(f"the package schema has no type for {hint!r}")
