"""What the program's SDK registers, read from the ResourceMonitor protocol."""

import re
from typing import Any

from pulumi.runtime.proto import resource_pb2 as protocol

from mlcloud.embedded.program.goals import Alias, Goal, make_urn
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.state.records import PROVIDER_PREFIX, ResourceRecord, is_provider

FEATURES = (
    protocol.RESOURCE_MONITOR_FEATURE_SECRETS,
    protocol.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    protocol.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
)
"""What the SDK may send."""

UNSUPPORTED_OPTIONS = {
    "importId": "import_",
    "remote": "a component of another package",
    "deletedWith": "deleted_with",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
    "hideDiffs": "hide_diffs",
    "hooks": "hooks",
    "transforms": "transforms",
    "state_migrations": "state_migrations",
    "packageRef": "a parameterized package",
    "envVarMappings": "env_var_mappings",
}
"""Fields of a registration that are refused, and the names that programs know them by.

``pluginDownloadURL`` is not among them: this engine downloads no plugins."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def unsupported_options(request: Any) -> list[str]:
    """The options of a registration that this engine does not have, as programs know them."""
    # The SDK always sends an empty binding of hooks.
    present = {field.name for field, _ in request.ListFields() if field.name != "hooks"}
    present |= {"hooks"} if request.hooks.ByteSize() else set()
    return [name for field, name in UNSUPPORTED_OPTIONS.items() if field in present]


def read_goal(
    request: Any, target: Target, *, inputs: Properties, parent: ResourceRecord | None, provider: str
) -> Goal:
    """What a registration asks for.

    Args:
        request: The protocol's RegisterResourceRequest.
        target: The stack.
        inputs: The inputs of the request.
        parent: The parent as it was registered: what the request leaves open is as there.
        provider: The reference of the provider instance; empty for components and providers.
    """
    if is_provider(request.type):
        inputs = _with_version(inputs, request.version)
    extra: dict[str, Any] = {}
    if timeouts_s := _timeouts(request.customTimeouts):
        extra["customTimeouts"] = timeouts_s
    if request.replaceOnChanges:
        extra["replaceOnChanges"] = list(request.replaceOnChanges)
    above = parent or ResourceRecord(urn="", type="", custom=False)
    retain = request.retainOnDelete if request.HasField("retainOnDelete") else above.retain_on_delete
    record = ResourceRecord(
        urn=make_urn(
            stack=target.stack,
            project=target.project,
            parent=request.parent,
            type_=request.type,
            name=request.name,
        ),
        type=request.type,
        custom=request.custom,
        inputs=inputs,
        parent=request.parent,
        provider=provider,
        dependencies=sorted(request.dependencies),
        property_dependencies={
            key: sorted(value.urns) for key, value in sorted(request.propertyDependencies.items())
        },
        protect=request.protect if request.HasField("protect") else above.protect,
        retain_on_delete=retain,
        ignore_changes=list(request.ignoreChanges),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        extra=extra,
    )
    defined = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Goal(
        record=record,
        version=request.version,
        delete_before_replace=request.deleteBeforeReplace if defined else None,
        aliases=[_alias(item) for item in request.aliases],
    )


def default_provider_goal(target: Target, package: str, version: str) -> Goal:
    """The provider instance that resources of a package have when the program names none."""
    inputs: Properties = {
        key.split(":", 1)[1]: values.make_secret(value) if key in target.secret_keys else value
        for key, value in sorted(target.config.items())
        if key.startswith(f"{package}:")
    }
    type_, suffix = f"{PROVIDER_PREFIX}{package}", re.sub(r"[.+-]", "_", f"_{version}") if version else ""
    name = f"default{suffix}"
    record = ResourceRecord(
        urn=make_urn(stack=target.stack, project=target.project, parent="", type_=type_, name=name),
        type=type_,
        custom=True,
        inputs=_with_version(inputs, version),
    )
    return Goal(record=record, version=version)


def _with_version(inputs: Properties, version: str) -> Properties:
    """The inputs of a provider instance of a version, as Pulumi has them."""
    return {**inputs, "version": version, "__internal": {}} if version else inputs


def _alias(alias: Any) -> Alias:
    if alias.WhichOneof("alias") != "spec":
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _timeouts(given: Any) -> dict[str, float]:
    named = {name: getattr(given, name) for name in ("create", "update", "delete", "read")}
    return {name: _seconds(text) for name, text in named.items() if text}


def _seconds(duration: str) -> float:
    """A duration as Go writes it (``1h30m``) in seconds."""
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION.findall(duration))
