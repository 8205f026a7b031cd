"""Our own provider in a simulated apply: the real checks and diffs, and outputs that look right."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, cast

from typing_extensions import override

from mlcloud.provider.engine import Engine
from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.fields import fields_of
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.server import make_servicer
from mlcloud.provider.servicer import Servicer
from mlcloud.simulated.aws import ACCOUNT
from mlcloud.simulated.aws.own import OWN as AWS_OWN
from mlcloud.simulated.azure.own import OWN as AZURE_OWN
from mlcloud.simulated.cloud import Facts, Templates, digits, urn_name
from mlcloud.simulated.failures import FailAt, Failures, told_to_fail
from mlcloud.simulated.gcp import PROJECT
from mlcloud.simulated.gcp.own import OWN as GCP_OWN
from mlcloud.simulated.runs import passing_metrics

_LOOKS: Mapping[str, Mapping[str, str]] = {**AWS_OWN, **GCP_OWN, **AZURE_OWN}
_WORDS: Mapping[str, str] = {"partition": "aws", "project": PROJECT}
_NAMES = ("version_name", "run_name", "name", "uri")
"""Outputs that our resources take their identifiers from, the first that one has."""


class SimulatedOwn(Servicer):
    """Our own provider, whose resources are never really made; it opens no connection and starts nothing."""

    def __init__(self, *, fail_at: Sequence[FailAt] = ()) -> None:
        """Take over every resource of the real provider.

        Args:
            fail_at: Where to fail, besides what the environment variable MLCLOUD_SIMULATED_FAIL names.

        Raises:
            ValueError: when that variable cannot be read.
        """
        real = make_servicer(Engine(None))
        failures = Failures([*fail_at, *told_to_fail()])
        simulated = [_SimulatedResource(resource, failures) for resource in real._resources.values()]
        super().__init__(real.name, real.version, simulated, real.engine)


class _SimulatedResource(Resource[Any, Any], token="mlcloud:simulated:Resource"):
    """A resource of ours without what it would do."""

    def __init__(self, real: Resource[Any, Any], failures: Failures) -> None:
        self._real = real
        self._failures = failures
        # The framework reads inputs and outputs as the real one declares them.
        vars(self)["definition"] = real.definition

    @override
    def check(self, old: Any | None, new: Any) -> Sequence[Problem]:
        return self._real.check(old, new)

    @override
    def preview(self, new: Any, old: Any | None) -> Mapping[str, object]:
        outputs = self._outputs(new, old)
        return {field.name: getattr(outputs, field.name) for field in dataclasses.fields(outputs)}

    @override
    def create(self, context: Context, new: Any) -> tuple[str, Any]:
        self._fail_when_told("create", context)
        outputs = self._outputs(new, None)
        named = (getattr(outputs, name, None) for name in _NAMES)
        return next((name for name in named if isinstance(name, str)), digits(context.urn, 12)), outputs

    @override
    def read(self, context: Context, identifier: str, inputs: Any, outputs: Any) -> Any:
        self._fail_when_told("read", context)
        return outputs

    @override
    def update(self, context: Context, identifier: str, old: Any, outputs: Any, new: Any) -> Any:
        self._fail_when_told("update", context)
        return self._outputs(new, outputs)

    @override
    def delete(self, context: Context, identifier: str, outputs: Any) -> None:
        self._fail_when_told("delete", context)

    def _fail_when_told(self, operation: str, context: Context) -> None:
        name = urn_name(context.urn)
        if self._failures.due(operation, name=name, token=self.definition.token):
            raise ResourceError(f"The {operation} of {name} failed, as it was told to.")

    def _outputs(self, new: Any, old: Any | None) -> Any:
        certain = self._real.preview(new, old)
        inputs = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
        templates = self._templates(inputs)
        looks = _LOOKS.get(self.definition.token, {})
        found: dict[str, object] = {}
        for field in fields_of(self.definition.outputs):
            name = field.name
            if name in certain:
                found[name] = certain[name]
            elif field.options.stable and old is not None:
                found[name] = getattr(old, name)
            elif name == "metrics" and "gate" in inputs:
                found[name] = passing_metrics(inputs)
            elif name in looks:
                found[name] = templates.render(looks[name])
            elif inputs.get(name) is not None:
                found[name] = inputs[name]
            else:
                found[name] = _made_up(field.type, name, templates)
            templates.known[name] = found[name]
        return self.definition.outputs(**found)

    def _templates(self, inputs: Mapping[str, object]) -> Templates:
        """Digits follow from what a replacement is made for: the same run has the same model."""
        kept = {
            field.name: inputs[field.name]
            for field in fields_of(self.definition.inputs)
            if field.options.replace
        }
        region = inputs.get("region")
        facts = Facts(account=ACCOUNT, region=region if isinstance(region, str) else "", words=_WORDS)
        # A map that came over the wire has another order in each process.
        identity = json.dumps(kept, sort_keys=True, default=repr)
        return Templates(facts, inputs, f"{self.definition.token} {identity}")


def _made_up(hint: Any, name: str, templates: Templates) -> object:
    """A value of a type that looks right under this name."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        # An update that succeeds leaves nothing open.
        return _made_up(next(item for item in arguments if item is not type(None)), name, templates)
    if origin is typing.Literal:
        return arguments[0]
    if dataclasses.is_dataclass(hint):
        record = cast("type[Any]", hint)
        parts = {field.name: _made_up(field.type, field.name, templates) for field in fields_of(record)}
        return record(**parts)
    if hint is str:
        return templates.render("{long}" if name.endswith(("sha256", "digest")) else f"{name}-{{seven}}")
    return None if hint in (Any, object) else cast("type[Any]", origin or hint)()
