"""Our own provider in a simulated apply: the real checks and diffs, and outputs that look right."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from typing_extensions import override

from mlcloud.provider.engine import Engine
from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.fields import fields_of
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.server import make_servicer
from mlcloud.provider.servicer import Servicer
from mlcloud.simulated.cloud import digits, urn_name
from mlcloud.simulated.failures import FailAt, Failures, told_to_fail

_NAMES = ("id", "arn", "name", "uri")
"""Outputs that identify a resource, the best first."""


@runtime_checkable
class Simulates(Protocol):
    """A resource that knows what its outputs would look like."""

    def simulate(self, new: Any) -> Mapping[str, object]:
        """Outputs (Python names) of a simulated apply; what is left out is made up from its type."""
        ...


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
        certain = dict(self._real.preview(new, old))
        if isinstance(self._real, Simulates):
            certain |= self._real.simulate(new)
        found: dict[str, object] = {}
        for field in fields_of(self.definition.outputs):
            given = getattr(new, field.name, None)
            if field.name in certain:
                found[field.name] = certain[field.name]
            elif field.options.stable and old is not None:
                found[field.name] = getattr(old, field.name)
            else:
                found[field.name] = _made_up(field.type, field.name, repr(new)) if given is None else given
        return self.definition.outputs(**found)


def _made_up(hint: Any, name: str, seed: str) -> object:
    """A value of a type that looks right under this name and is another one for other inputs."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if type(None) in arguments or hint is Any or hint is object:
        return None
    if origin is typing.Literal:
        return arguments[0]
    if origin in (typing.Union, types.UnionType):
        return _made_up(arguments[0], name, seed)
    if dataclasses.is_dataclass(hint):
        record = cast("type[Any]", hint)
        return record(**{field.name: _made_up(field.type, field.name, seed) for field in fields_of(record)})
    if hint is str:
        return _text(name, seed)
    return cast("type[Any]", origin or hint)()


def _text(name: str, seed: str) -> str:
    if "sha256" in name or name.endswith("digest"):
        return digits(f"{name} {seed}", 64)
    if name.endswith(("url", "uri")):
        return f"https://simulated.invalid/{digits(f'{name} {seed}', 12)}"
    return f"{name.replace('_', '-')}-{digits(f'{name} {seed}', 7)}"
