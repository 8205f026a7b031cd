"""The provider's answers on the wire: problems, outputs with their secrets, differences."""

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

from google.protobuf import struct_pb2

from mlcloud.provider import values
from mlcloud.provider.diffs import Change
from mlcloud.provider.errors import Problem
from mlcloud.provider.fields import fields_of, top_level, wire_name, wire_values
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.resource import Resource


def discreet(resource: Resource[Any, Any], problems: Sequence[Problem], secrets: Set[str]) -> list[Problem]:
    """Problems without the values of secret properties: what is allowed there stands in its description."""
    described = {field.wire: field.description for field in fields_of(resource.definition.inputs)}
    return [
        replace(problem, reason=f"its secret value is not allowed here ({described.get(top, '')}).")
        if (top := top_level(problem.path)) in secrets
        else problem
        for problem in problems
    ]


def check_response(inputs: struct_pb2.Struct, problems: Sequence[Problem]) -> provider_pb2.CheckResponse:
    """The inputs as they are, and what is wrong with them."""
    failures = [provider_pb2.CheckFailure(property=item.path, reason=item.reason) for item in problems]
    return provider_pb2.CheckResponse(inputs=inputs, failures=failures)


def secret_outputs(resource: Resource[Any, Any], secret_inputs: frozenset[str]) -> frozenset[str]:
    """Outputs that must stay secret: by themselves, named like a secret input, or derived from one."""
    return frozenset(
        field.wire
        for field in fields_of(resource.definition.outputs)
        if field.options.secret
        or field.wire in secret_inputs
        or any(wire_name(name) in secret_inputs for name in field.options.derived_from)
    )


def encode_outputs(
    resource: Resource[Any, Any], outputs: object, secret_inputs: frozenset[str]
) -> struct_pb2.Struct:
    """Outputs for the wire, those that must stay secret marked so."""
    return values.encode(wire_values(outputs), secret_outputs(resource, secret_inputs))


def diff_response(changes: Sequence[Change], delete_before_replace: bool) -> provider_pb2.DiffResponse:
    """What has changed, in detail, and whether the resource has to be made anew for it."""
    if not changes:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
    kinds = provider_pb2.PropertyDiff
    detailed = {
        change.path: kinds(
            kind=kinds.Kind.Value(change.kind.upper() + ("_REPLACE" if change.replace else "")),
            inputDiff=change.is_input,
        )
        for change in changes
    }
    replaces = list(dict.fromkeys(change.top for change in changes if change.replace))
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME,
        diffs=list(dict.fromkeys(change.top for change in changes)),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )
