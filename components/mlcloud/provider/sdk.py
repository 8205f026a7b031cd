"""The program's side of the provider: its resources as typed Pulumi resources."""

from collections.abc import Mapping
from typing import Any

import pulumi

from mlcloud.provider.fields import fields_of
from mlcloud.provider.resource import Resource

PLUGIN_VERSION = "0.1.0"


class ProviderResource(pulumi.CustomResource):
    """A resource of the provider, by the class that implements it there."""

    def __init__(
        self,
        kind: type[Resource[Any, Any]],
        resource_name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        definition = kind.definition
        outputs = {field.name: None for field in fields_of(definition.outputs)}
        super().__init__(
            definition.token,
            resource_name,
            _properties(definition.inputs, {**outputs, **inputs}),
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=PLUGIN_VERSION), opts),
        )


def _properties(inputs: type, values: Mapping[str, object]) -> Any:
    """An instance of a Pulumi input type: properties get wire names, keys inside maps stay as they are."""
    members: dict[str, Any] = {"__annotations__": {field.name: field.type for field in fields_of(inputs)}}
    members.update({field.name: pulumi.property(field.wire) for field in fields_of(inputs)})
    kind = pulumi.input_type(type(inputs.__name__, (), members))
    properties = object.__new__(kind)
    vars(properties).update(values)
    return properties
