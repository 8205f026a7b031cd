"""The side of the engine that the program's SDK talks to: the ResourceMonitor protocol, without gRPC."""

import importlib
import threading
from typing import Any

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import resource_pb2 as protocol

from mlcloud.embedded.engine.deployment import Deployment
from mlcloud.embedded.errors import ADVICE
from mlcloud.embedded.program.goals import Goal
from mlcloud.embedded.program.requests import FEATURES, default_provider_goal, read_goal, unsupported_options
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.assets import with_hashes
from mlcloud.embedded.properties.marks import UNKNOWN
from mlcloud.embedded.providers.clients import ProviderClient, ProviderError
from mlcloud.embedded.state.records import (
    PROVIDER_PREFIX,
    ResourceRecord,
    is_provider,
    reference_urn,
)

_grpc: Any = importlib.import_module("grpc")
"""gRPC has no types."""


class _InvokeError(_grpc.RpcError):
    """A failed invoke, in the shape that lets a program catch it."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.message = message

    def code(self) -> Any:
        return _grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return self.message


class Monitor:
    """Answers one run of the program. Its methods are called from several threads."""

    def __init__(self, deployment: Deployment) -> None:
        self._run = deployment.run
        self._deployment = deployment
        self._lock = threading.RLock()
        self._component_providers: dict[str, dict[str, str]] = {}
        self._default_providers: dict[tuple[str, str], str] = {}

    def GetDeploymentInfo(self, request: Any) -> protocol.DeploymentInfo:  # noqa: ARG002 - the protocol's signature
        """Tell the SDK what this engine can do."""
        return protocol.DeploymentInfo(
            project=self._run.target.project,
            stack=self._run.target.stack,
            dryRun=self._run.journal.preview,
            supportedFeatures=FEATURES,
        )

    def SignalAndWaitForShutdown(self, request: Any) -> Empty:  # noqa: ARG002 - the protocol's signature
        """The program has ended well."""
        return Empty()

    def __getattr__(self, method: str) -> Any:
        """Refuse what else the protocol has."""
        if not method[:1].isupper():
            raise AttributeError(method)

        def refuse(request: Any) -> Any:
            named = " ".join(filter(None, (getattr(request, "type", ""), getattr(request, "name", ""))))
            raise self._run.journal.fail(f"The program calls {method} {named}: {ADVICE}".replace(" :", ":"))

        return refuse

    def RegisterResource(self, request: Any) -> protocol.RegisterResourceResponse:
        """Bring a resource to what the program asks for."""
        record = self._deployment.register(self._goal(request))
        if not record.custom:
            with self._lock:
                self._component_providers[record.urn] = dict(request.providers)
        return protocol.RegisterResourceResponse(
            urn=record.urn,
            id="" if record.id == UNKNOWN else record.id,
            # A component's outputs come later; those of the last run may name what is not registered yet.
            object=values.to_struct(record.outputs if record.custom else {}),
        )

    def RegisterResourceOutputs(self, request: Any) -> Empty:
        """Take the outputs of a component, or what the stack exports."""
        self._deployment.set_outputs(request.urn, values.from_struct(request.outputs))
        return Empty()

    def Invoke(self, request: Any) -> protocol.ResourceInvokeResponse:
        """Call a function of a provider."""
        if request.tok == "pulumi:pulumi:getResource":
            return self._get_resource(request)
        journal = self._run.journal
        with journal.failing(""):
            client = self._client_of(request)
        try:
            answer = client.invoke(request.tok, request.args, preview=journal.preview)
        except ProviderError as error:
            raise _InvokeError(str(error)) from error
        response = protocol.ResourceInvokeResponse(failures=answer.failures)
        getattr(response, "return").CopyFrom(getattr(answer, "return"))
        return response

    def _client_of(self, request: Any) -> ProviderClient:
        needed_by = f"The function {request.tok}"
        package = request.tok.split(":", 1)[0]
        reference = request.provider or self._default_provider(package, request.version, needed_by)
        return self._run.instances.client(reference, needed_by=needed_by)

    def _get_resource(self, request: Any) -> protocol.ResourceInvokeResponse:
        urn = values.from_struct(request.args)["urn"]
        record = self._run.ledger.find(urn)
        if record is None:
            raise _InvokeError(f"the resource {urn} is not registered")
        response = protocol.ResourceInvokeResponse()
        found = {"urn": urn, "id": record.id, "state": record.outputs}
        getattr(response, "return").CopyFrom(values.to_struct(found))
        return response

    def _goal(self, request: Any) -> Goal:
        needed_by = f"{request.name} ({request.type})"
        if unsupported := unsupported_options(request):
            raise self._run.journal.fail(f"{needed_by} uses {', '.join(unsupported)}: {ADVICE}")
        parent = self._run.ledger.find(request.parent)
        with self._run.journal.failing(""):
            inputs = with_hashes(values.from_struct(request.object), self._run.target.folder)
            provider = ""
            if request.custom and not is_provider(request.type):
                provider = self._provider(request, parent, needed_by)
        return read_goal(request, self._run.target, inputs=inputs, parent=parent, provider=provider)

    def _provider(self, request: Any, parent: ResourceRecord | None, needed_by: str) -> str:
        """The provider instance: the resource's own, one from above, or the default one of its package."""
        package = request.type.split(":", 1)[0]
        inherited = self._component_providers.get(request.parent, {}).get(package, "")
        if parent is not None and f"::{PROVIDER_PREFIX}{package}::" in f"{reference_urn(parent.provider)}::":
            inherited = inherited or parent.provider
        given = request.provider or request.providers.get(package, "") or inherited
        return given or self._default_provider(package, request.version, needed_by)

    def _default_provider(self, package: str, version: str, needed_by: str) -> str:
        with self._lock:
            if (package, version) not in self._default_providers:
                self._run.instances.ensure_known(package, needed_by=needed_by)
                goal = default_provider_goal(self._run.target, package, version)
                self._default_providers[package, version] = self._deployment.register(goal).reference
            return self._default_providers[package, version]
