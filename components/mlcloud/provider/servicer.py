"""Pulumi's provider protocol, answered for a set of resources."""

import functools
import json
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

import grpc
from google.protobuf import empty_pb2, struct_pb2
from typing_extensions import override

from mlcloud.core.errors import nearest
from mlcloud.provider import values
from mlcloud.provider.answers import check_response, diff_response, discreet, encode_outputs, secret_outputs
from mlcloud.provider.diffs import Change, compare
from mlcloud.provider.engine import Engine
from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.fields import fields_of, parse, parse_stored, wire_name, wire_value
from mlcloud.provider.protocol import plugin_pb2, provider_pb2, provider_pb2_grpc
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.schema import package_schema
from mlcloud.provider.values import UNKNOWN, Properties, contains_unknown, decode

Method = TypeVar("Method", bound=Callable[..., Any])

# Keys that the engine itself puts into a provider's configuration.
_ENGINE_KEYS = frozenset({"version", "pluginDownloadURL"})


def _for_people(method: Method) -> Method:
    """Turn errors into gRPC statuses: a resource's own message as it is, a bug without its traceback."""

    @functools.wraps(method)
    def answer(self: "Servicer", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except Unhealthy as error:
            return self.abort_unhealthy(error, request, context)
        except ResourceError as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except OSError as error:
            return context.abort(grpc.StatusCode.UNKNOWN, f"The operating system refused: {error}.")
        except Exception as error:  # noqa: BLE001 - the outermost frame: a bug must not show people a traceback
            self.engine.log(getattr(request, "urn", ""), traceback.format_exc(), severity="debug")
            return context.abort(
                grpc.StatusCode.INTERNAL,
                f"The mlcloud provider failed in {method.__name__}: {type(error).__name__}: {error}. "
                "This is a bug: run with debug logs to see where.",
            )

    return cast(Method, answer)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider: its name, version and resources, behind Pulumi's protocol."""

    def __init__(
        self, name: str, version: str, resources: Sequence[Resource[Any, Any]], engine: Engine
    ) -> None:
        self.name = name
        self.version = version
        self.engine = engine
        self._resources = {resource.definition.token: resource for resource in resources}
        self._cancellation = threading.Event()

    # What the plugin is

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The plugin's version."""
        return plugin_pb2.PluginInfo(version=self.version)

    @override
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """What both sides can do: this one keeps secrets secret."""
        self.engine.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    @override
    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """The types of all resources."""
        schema = package_schema(self.name, self.version, list(self._resources.values()))
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    @override
    @_for_people
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """The provider has no configuration: an explicit one with any is refused, key by key.

        A default provider gets the stack's config of the namespace that has its name. In a project of that
        name these are the stack's settings and none of the provider's business: they stay out of its inputs,
        so that no setting ever changes the provider.
        """
        if request.urn.rsplit("::", 1)[-1].startswith("default"):
            kept = {key: value for key, value in request.news.fields.items() if key in _ENGINE_KEYS}
            return provider_pb2.CheckResponse(inputs=struct_pb2.Struct(fields=kept))
        reason = f"The provider `{self.name}` takes no configuration: remove "
        problems = [
            Problem(path=key, reason=f"{reason}`{key}`.")
            for key in sorted(request.news.fields)
            if key not in _ENGINE_KEYS and not key.startswith("__")
        ]
        return check_response(request.news, problems)

    @override
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Without configuration nothing differs."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    @override
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Say what this provider supports."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Ask every operation in progress to stop."""
        self._cancellation.set()
        return empty_pb2.Empty()

    # Resources

    @override
    @_for_people
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Every problem of the inputs at once."""
        resource = self._resource(request)
        definition = resource.definition
        news = decode(request.news)
        new, problems = parse(definition.inputs, news.values, owner=f"`{definition.token}`")
        if new is not None and not contains_unknown(news.values):
            old, _ = parse(definition.inputs, decode(request.olds).values)
            problems = list(resource.check(old, new))
        return check_response(request.news, discreet(resource, problems, news.secrets))

    @override
    @_for_people
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What changes between the state's inputs and the program's, and what does not hold any more."""
        resource = self._resource(request)
        definition = resource.definition
        changes = compare(definition.inputs, decode(request.old_inputs).values, decode(request.news).values)
        if not changes:
            outputs = parse_stored(definition.outputs, decode(request.olds).values, "outputs")
            changes = [
                Change(path=wire_name(name), kind="update", is_input=False)
                for name in resource.drift(request.id, outputs)
            ]
        return diff_response(changes, definition.delete_before_replace)

    @override
    @_for_people
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make the resource, or say what is certain about it in a preview."""
        resource = self._resource(request)
        news = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=self._previewed(resource, news, None))
        identifier, outputs = resource.create(self._context(request), self._inputs(resource, news))
        return provider_pb2.CreateResponse(
            id=identifier, properties=encode_outputs(resource, outputs, news.secrets)
        )

    @override
    @_for_people
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Look at the resource: an empty identifier says that it is gone."""
        resource = self._resource(request)
        stored, inputs = decode(request.properties), decode(request.inputs)
        if not stored.values or not inputs.values:
            token = resource.definition.token
            raise ResourceError(
                f"`{token}` cannot be imported: declare it, and the next update takes over what is there."
            )
        outputs = resource.read(
            self._context(request),
            request.id,
            parse_stored(resource.definition.inputs, inputs.values, "inputs"),
            parse_stored(resource.definition.outputs, stored.values, "outputs"),
        )
        if outputs is None:
            return provider_pb2.ReadResponse()
        properties = encode_outputs(resource, outputs, stored.secrets | inputs.secrets)
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=request.inputs)

    @override
    @_for_people
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change the resource in place."""
        resource = self._resource(request)
        definition = resource.definition
        news, olds = decode(request.news), decode(request.olds)
        outputs = parse_stored(definition.outputs, olds.values, "outputs")
        if request.preview:
            return provider_pb2.UpdateResponse(properties=self._previewed(resource, news, outputs))
        old = parse_stored(definition.inputs, decode(request.old_inputs).values, "inputs")
        changed = resource.update(
            self._context(request), request.id, old, outputs, self._inputs(resource, news)
        )
        return provider_pb2.UpdateResponse(properties=encode_outputs(resource, changed, news.secrets))

    @override
    @_for_people
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Remove the resource; without an identifier, what its creation has left when it was cut off."""
        resource = self._resource(request)
        if not request.id:
            inputs = parse_stored(resource.definition.inputs, decode(request.old_inputs).values, "inputs")
            resource.abandon(self._context(request), inputs)
            return empty_pb2.Empty()
        outputs = parse_stored(resource.definition.outputs, decode(request.properties).values, "outputs")
        resource.delete(self._context(request), request.id, outputs)
        return empty_pb2.Empty()

    # What this provider does not offer

    @override
    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> NoReturn:
        """There are no functions."""
        self._refuse(context, f"The provider `{self.name}` has no function `{request.tok}`.")

    @override
    def Call(self, request: provider_pb2.CallRequest, context: grpc.ServicerContext) -> NoReturn:
        """There are no methods."""
        self._refuse(context, f"The provider `{self.name}` has no method `{request.tok}`.")

    @override
    def Construct(self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext) -> NoReturn:
        """There are no components."""
        self._refuse(context, f"The provider `{self.name}` has no component `{request.type}`.")

    @override
    def Parameterize(
        self, request: provider_pb2.ParameterizeRequest, context: grpc.ServicerContext
    ) -> NoReturn:
        """There are no parameters."""
        self._refuse(context, f"The provider `{self.name}` takes no parameters.")

    @override
    def List(self, request: provider_pb2.ListRequest, context: grpc.ServicerContext) -> NoReturn:
        """There is no listing."""
        self._refuse(context, f"The provider `{self.name}` cannot list `{request.token}`.")

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Speak to the engine that attached to this running plugin."""
        self.engine.connect(request.address)
        return empty_pb2.Empty()

    @override
    def GetMapping(
        self, request: provider_pb2.GetMappingRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        """No other tool's resources map to these."""
        return provider_pb2.GetMappingResponse()

    @override
    def GetMappings(
        self, request: provider_pb2.GetMappingsRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingsResponse:
        """No other tool's resources map to these."""
        return provider_pb2.GetMappingsResponse()

    # Helpers

    def _refuse(self, context: grpc.ServicerContext, message: str) -> NoReturn:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
        raise AssertionError(message)

    def _resource(self, request: Any) -> Resource[Any, Any]:
        token = cast(str, request.type) or _token_of(cast(str, request.urn))
        if token not in self._resources:
            near = nearest(token, self._resources)
            hint = (
                f"did you mean `{near}`?"
                if near
                else f"it has {', '.join(f'`{item}`' for item in self._resources)}."
            )
            raise ResourceError(f"The provider `{self.name}` has no resource `{token}`: {hint}")
        return self._resources[token]

    def _context(self, request: Any) -> Context:
        timeout_s = cast(float, getattr(request, "timeout", 0.0))
        return Context(
            urn=request.urn,
            log=functools.partial(self.engine.log, request.urn),
            cancellation=self._cancellation,
            timeout_s=timeout_s if timeout_s > 0 else None,
        )

    def _inputs(self, resource: Resource[Any, Any], news: Properties) -> Any:
        new, problems = parse(resource.definition.inputs, news.values, owner=f"`{resource.definition.token}`")
        if new is None:
            told = discreet(resource, problems, news.secrets)
            raise ResourceError("; ".join(f"{problem.path}: {problem.reason}" for problem in told))
        return new

    def _previewed(
        self, resource: Resource[Any, Any], news: Properties, old: Any | None
    ) -> struct_pb2.Struct:
        """Outputs before the change: what is certain, inputs of the same name, and the rest unknown."""
        inputs = self._inputs(resource, news)
        certain: Mapping[str, object] = {} if contains_unknown(news.values) else resource.preview(inputs, old)
        input_names = {field.name for field in fields_of(resource.definition.inputs)}
        outputs: dict[str, object] = {}
        for field in fields_of(resource.definition.outputs):
            if field.name in certain:
                outputs[field.wire] = wire_value(certain[field.name])
            elif field.options.stable and old is not None:
                outputs[field.wire] = wire_value(getattr(old, field.name))
            elif field.name in input_names and getattr(inputs, field.name) is not None:
                outputs[field.wire] = wire_value(getattr(inputs, field.name))
            else:
                outputs[field.wire] = UNKNOWN
        return values.encode(outputs, secret_outputs(resource, news.secrets))

    def abort_unhealthy(self, error: Unhealthy, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Tell the engine that the resource exists and does not work (`ErrorResourceInitFailed`)."""
        resource = self._resource(request)
        inputs = cast(
            struct_pb2.Struct,
            getattr(request, "inputs", None) or getattr(request, "news", None) or request.properties,
        )
        detail = provider_pb2.ErrorResourceInitFailed(
            id=error.identifier,
            properties=encode_outputs(resource, error.outputs, decode(inputs).secrets),
            reasons=error.reasons,
            inputs=inputs,
        )
        # Not the SDK's copy of this message: one process takes one of the two, and cloud SDKs bring this one.
        from google.rpc import status_pb2  # pyright: ignore[reportMissingTypeStubs] - it ships none

        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
        raise AssertionError(error)


def _token_of(urn: str) -> str:
    """The type of a URN: the last of the qualified types between the second and third `::`."""
    parts = urn.split("::")
    return parts[2].split("$")[-1] if len(parts) > 2 else ""
