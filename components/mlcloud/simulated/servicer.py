"""A cloud's provider without the cloud: Pulumi's provider protocol, answered from the SDK's declarations.

It checks inputs as strictly as the SDK declares them, says what a change would replace, and gives outputs
that look right; what it made lives in the engine's state alone. It opens no connection.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

import grpc
from google.protobuf import empty_pb2
from typing_extensions import override

from mlcloud.core.errors import nearest
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.provider.protocol import plugin_pb2, provider_pb2, provider_pb2_grpc
from mlcloud.simulated.checks import InputProblem, problems_of
from mlcloud.simulated.cloud import Cloud, Facts, InvokeError, Templates, urn_name, urn_type
from mlcloud.simulated.declarations import Declaration, NotDeclaredError, declaration_of, provider_inputs
from mlcloud.simulated.diffs import diff_response
from mlcloud.simulated.failures import FailAt, Failures, told_to_fail
from mlcloud.simulated.outputs import seed_of, simulated

VERSION = "0.0.0"
"""What a simulated provider calls its version: no released provider has it."""

Context = grpc.ServicerContext


class SimulatedProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One instance of a simulated cloud's provider."""

    def __init__(self, cloud: Cloud, *, fail_at: Sequence[FailAt] = ()) -> None:
        """Prepare.

        Args:
            cloud: The cloud.
            fail_at: Where to fail, besides what the environment variable MLCLOUD_SIMULATED_FAIL names.

        Raises:
            ValueError: when that variable cannot be read.
        """
        self._cloud = cloud
        self._failures = Failures([*fail_at, *told_to_fail()])
        self._facts = _facts(cloud, {})

    # The provider itself

    @override
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: Context
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Nothing is optional here: the engine keeps secrets by itself."""
        return provider_pb2.ProviderHandshakeResponse()

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        """The version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    @override
    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        """Refuse configuration that the SDK's provider does not take."""
        known = provider_inputs(self._cloud.package)
        failures = [
            provider_pb2.CheckFailure(property=key, reason=_unknown_setting(self._cloud.package, key, known))
            for key in request.news.fields
            if key not in known and key not in ("version", "pluginDownloadURL") and not key.startswith("__")
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @override
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        """Another region is another provider: everything in it is made anew."""
        olds, news = values.from_struct(request.old_inputs), values.from_struct(request.news)
        setting = self._cloud.region_setting
        paths = (setting,) if olds.get(setting, news.get(setting)) != news.get(setting) else ()
        return diff_response(olds, news, paths, ignored=("version",), delete_first=False)

    @override
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Context
    ) -> provider_pb2.ConfigureResponse:
        """Take the region and the common tags."""
        self._facts = _facts(self._cloud, values.plain(values.from_struct(request.args)))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @override
    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """Nothing takes time here."""
        return empty_pb2.Empty()

    # Resources

    @override
    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        """Hold the inputs against the SDK's declaration, and fill in the region and the automatic name."""
        declaration = self._declaration(request.urn, context)
        inputs = values.from_struct(request.news)
        place = self._cloud.region_input
        if place in declaration.inputs and inputs.get(place) is None:
            inputs[place] = self._facts.region
        failures = [
            _failure(item) for item in problems_of(f"`{declaration.token}`", declaration.inputs, inputs)
        ]
        named = self._auto_named(declaration)
        if named and inputs.get(named) is None and inputs.get(f"{named}Prefix") is None:
            old = values.from_struct(request.olds).get(named)
            inputs[named] = old or self._auto_name(named, request.urn, inputs)
        return provider_pb2.CheckResponse(inputs=values.to_struct(inputs), failures=failures)

    @override
    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        """Compare inputs, property by property."""
        declaration = self._declaration(request.urn, context)
        olds, news = values.from_struct(request.old_inputs), values.from_struct(request.news)
        named = self._auto_named(declaration)
        # A name of the program's own is taken as long as the old resource lives; bridged providers do so too
        # (pulumi-terraform-bridge, pkg/tfbridge, nameRequiresDeleteBeforeReplace).
        automatic = bool(named) and olds.get(named) == self._auto_name(named, request.urn, olds)
        fixed = bool(named) and news.get(named) is not None and olds.get(named) == news.get(named)
        replaces = self._cloud.replaces(declaration.token)
        inner, before = self._cloud.inner_identity(declaration.token, olds)
        _, after = self._cloud.inner_identity(declaration.token, news)
        if before != after and UNKNOWN not in (before, after):
            replaces = (*replaces, inner)
        return diff_response(
            olds,
            news,
            replaces,
            ignored=tuple(request.ignoreChanges),
            delete_first=(fixed or self._cloud.deletes_first) and not automatic,
        )

    @override
    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        """Make it up; a preview already says all that the update will."""
        declaration = self._declaration(request.urn, context)
        if not request.preview:
            self._fail_when_told("create", request.urn, context)
        inputs = values.from_struct(request.properties)
        identifier, outputs = simulated(self._cloud, self._facts, declaration, request.urn, inputs)
        return provider_pb2.CreateResponse(id=identifier, properties=values.to_struct(outputs))

    @override
    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        """Take the new inputs."""
        declaration = self._declaration(request.urn, context)
        if not request.preview:
            self._fail_when_told("update", request.urn, context)
        _, outputs = simulated(
            self._cloud,
            self._facts,
            declaration,
            request.urn,
            values.from_struct(request.news),
            before=values.from_struct(request.olds),
        )
        return provider_pb2.UpdateResponse(properties=values.to_struct(outputs))

    @override
    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        """What is in the state is there: there is no other place where it could be."""
        self._fail_when_told("read", request.urn, context)
        if not request.properties.fields:
            self._refuse(
                context,
                f"{urn_name(request.urn)}: the simulated provider `{self._cloud.package}` cannot look up "
                f"{urn_type(request.urn)} {request.id}: it knows only what a stack made.",
            )
        inputs = request.inputs if request.HasField("inputs") else None
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=inputs)

    @override
    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> empty_pb2.Empty:
        """Forget it."""
        self._fail_when_told("delete", request.urn, context)
        return empty_pb2.Empty()

    # Functions

    @override
    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:
        """Answer the functions that are known; refuse others by name."""
        function = self._cloud.functions.get(request.tok)
        if function is None:
            known = ", ".join(sorted(token.split(":")[-1] for token in self._cloud.functions)) or "none"
            self._refuse(
                context,
                f"The simulated provider `{self._cloud.package}` does not answer {request.tok} "
                f"(it answers: {known}): pass the value in, or run this stack with pulumi.",
            )
        arguments = {
            key: value for key, value in values.from_struct(request.args).items() if value is not None
        }
        try:
            answer = function(self._facts, values.plain(arguments))
        except InvokeError as error:
            self._refuse(context, f"{request.tok}: {error}")
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(values.to_struct(answer))
        return response

    # Helpers

    def _declaration(self, urn: str, context: Context) -> Declaration:
        try:
            return declaration_of(urn_type(urn))
        except NotDeclaredError as error:
            self._refuse(context, str(error))

    def _refuse(self, context: Context, message: str) -> NoReturn:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        raise AssertionError(message)

    def _fail_when_told(self, operation: str, urn: str, context: Context) -> None:
        name, token = urn_name(urn), urn_type(urn)
        if self._failures.due(operation, name=name, token=token):
            context.abort(grpc.StatusCode.UNKNOWN, f"The {operation} of {name} failed, as it was told to.")

    def _auto_named(self, declaration: Declaration) -> str:
        """The input that is named automatically; empty when there is none."""
        token = declaration.token
        if token in self._cloud.auto_names:
            return self._cloud.auto_names[token]
        member = declaration.inputs.get("name")
        always_set = "name" in declaration.outputs and declaration.outputs["name"].required
        if token in self._cloud.no_auto_name or member is None or member.required or not always_set:
            return ""
        return "name"

    def _auto_name(self, named: str, urn: str, inputs: Properties) -> str:
        """A name that is the same each time, and another one for what replaces the resource."""
        token = urn_type(urn)
        template = self._cloud.auto_name_templates.get(token, "{urnName}-{seven}")
        others = {name: value for name, value in inputs.items() if name != named}
        seed = seed_of(self._cloud, token, urn, others)
        return Templates(self._facts, {"urnName": urn_name(urn)}, seed).render(template)


def _facts(cloud: Cloud, settings: Mapping[str, Any]) -> Facts:
    variable = os.environ.get(cloud.region_variable, "") if cloud.region_variable else ""
    region = settings.get(cloud.region_setting) or variable or cloud.default_region
    tags: Any = settings.get("defaultTags") or {}
    if isinstance(tags, str):
        tags = json.loads(tags)
    given = cast("Mapping[str, Mapping[str, str]]", tags).get("tags") or {}
    account = str(settings.get(cloud.account_setting) or cloud.account)
    words = {**cloud.words, cloud.account_setting: account} if cloud.account_setting else cloud.words
    return Facts(account=account, region=str(region), tags=given, words=words)


def _unknown_setting(package: str, key: str, known: frozenset[str]) -> str:
    near = nearest(key, known)
    return f"The provider `{package}` takes no `{key}`" + (f": did you mean `{near}`?" if near else ".")


def _failure(problem: InputProblem) -> provider_pb2.CheckFailure:
    return provider_pb2.CheckFailure(property=problem.path, reason=problem.reason)
