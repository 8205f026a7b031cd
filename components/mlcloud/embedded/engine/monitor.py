"""The side of the engine that the program's SDK talks to: the ResourceMonitor protocol, without gRPC."""

import importlib
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import resource_pb2 as protocol

from mlcloud.embedded.engine.deployment import Deployment
from mlcloud.embedded.engine.instances import ProviderInstances
from mlcloud.embedded.engine.ledger import Ledger
from mlcloud.embedded.errors import ADVICE
from mlcloud.embedded.program.goals import Alias, Goal
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.assets import with_hashes
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.providers.clients import ProviderClient, ProviderError
from mlcloud.embedded.state.records import PROVIDER_PREFIX, STACK_TYPE, is_provider, reference_urn

FEATURES = (
    protocol.RESOURCE_MONITOR_FEATURE_SECRETS,
    protocol.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    protocol.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
)

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

    def __init__(
        self,
        *,
        deployment: Deployment,
        instances: ProviderInstances,
        ledger: Ledger,
        config: Mapping[str, str],
        secret_keys: frozenset[str],
        folder: Path,
    ) -> None:
        """Prepare.

        Args:
            deployment: The run.
            instances: Its providers.
            ledger: Its state.
            config: The stack's config, ``namespace:key`` to text.
            secret_keys: The keys of it that are secret.
            folder: The program's folder.
        """
        self.stack_urn = ""
        self.stack_outputs: Properties | None = None
        """What the program exported; ``None`` until it has ended."""
        self._deployment = deployment
        self._instances = instances
        self._ledger = ledger
        self._config = config
        self._secret_keys = secret_keys
        self._folder = folder
        self._lock = threading.RLock()
        self._goals: dict[str, Goal] = {}
        self._component_providers: dict[str, dict[str, str]] = {}
        self._default_providers: dict[tuple[str, str], str] = {}

    def GetDeploymentInfo(self, request: Any) -> protocol.DeploymentInfo:  # noqa: ARG002 - the protocol's signature
        """Tell the SDK what this engine can do."""
        return protocol.DeploymentInfo(
            project=self._deployment.project,
            stack=self._deployment.stack,
            dryRun=self._deployment.journal.preview,
            supportedFeatures=FEATURES,
        )

    def SupportsFeature(self, request: Any) -> protocol.SupportsFeatureResponse:
        """The same, feature by feature."""
        known = {"secrets", "resourceReferences", "aliasSpecs"}
        return protocol.SupportsFeatureResponse(hasSupport=request.id in known)

    def SignalAndWaitForShutdown(self, request: Any) -> Empty:  # noqa: ARG002 - the protocol's signature
        """The program has ended well."""
        return Empty()

    def __getattr__(self, method: str) -> Any:
        """Refuse what else the protocol has."""
        if not method[:1].isupper():
            raise AttributeError(method)

        def refuse(request: Any) -> Any:
            named = " ".join(filter(None, (getattr(request, "type", ""), getattr(request, "name", ""))))
            raise self._deployment.journal.fail(
                f"The program calls {method} {named}: {ADVICE}".replace(" :", ":")
            )

        return refuse

    def RegisterResource(self, request: Any) -> protocol.RegisterResourceResponse:
        """Bring a resource to what the program asks for."""
        self._refuse_unsupported(request)
        goal = self._goal(request)
        record = self._deployment.register(goal)
        with self._lock:
            self._goals[record.urn] = goal
            if not record.custom:
                self._component_providers[record.urn] = dict(request.providers)
            if record.type == STACK_TYPE:
                self.stack_urn = record.urn
        return protocol.RegisterResourceResponse(
            urn=record.urn,
            id="" if record.id == UNKNOWN else record.id,
            # A component's outputs come later; those of the last run may name what is not registered yet.
            object=values.to_struct(record.outputs if record.custom else {}),
        )

    def RegisterResourceOutputs(self, request: Any) -> Empty:
        """Take the outputs of a component, or what the stack exports."""
        outputs = values.from_struct(request.outputs)
        if request.urn == self.stack_urn:
            self.stack_outputs = outputs
        else:
            self._deployment.set_outputs(request.urn, outputs)
        return Empty()

    def Invoke(self, request: Any) -> protocol.ResourceInvokeResponse:
        """Call a function of a provider."""
        if request.tok == "pulumi:pulumi:getResource":
            return self._get_resource(request)
        journal = self._deployment.journal
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
        return self._instances.client(reference, needed_by=needed_by)

    def _get_resource(self, request: Any) -> protocol.ResourceInvokeResponse:
        urn = values.from_struct(request.args)["urn"]
        record = self._ledger.find(urn)
        if record is None:
            raise _InvokeError(f"the resource {urn} is not registered")
        response = protocol.ResourceInvokeResponse()
        found = {"urn": urn, "id": record.id, "state": record.outputs}
        getattr(response, "return").CopyFrom(values.to_struct(found))
        return response

    def _refuse_unsupported(self, request: Any) -> None:
        # The SDK always sends an empty binding of hooks.
        present = {field.name for field, _ in request.ListFields() if field.name != "hooks"}
        present |= {"hooks"} if request.hooks.ByteSize() else set()
        used = [name for field, name in UNSUPPORTED_OPTIONS.items() if field in present]
        if used:
            raise self._deployment.journal.fail(
                f"{request.name} ({request.type}) uses {', '.join(used)}: {ADVICE}"
            )

    def _goal(self, request: Any) -> Goal:
        parent = self._goals.get(request.parent)
        with self._deployment.journal.failing(""):
            inputs = with_hashes(values.from_struct(request.object), self._folder)
        if is_provider(request.type) and request.version:
            inputs = _with_version(inputs, request.version)
        defined = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
        return Goal(
            type=request.type,
            name=request.name,
            custom=request.custom,
            inputs=inputs,
            parent=request.parent,
            provider=self._provider(request) if request.custom and not is_provider(request.type) else "",
            version=request.version,
            dependencies=sorted(request.dependencies),
            property_dependencies={
                key: sorted(value.urns) for key, value in sorted(request.propertyDependencies.items())
            },
            protect=request.protect if request.HasField("protect") else parent and parent.protect,
            retain_on_delete=(
                request.retainOnDelete
                if request.HasField("retainOnDelete")
                else parent and parent.retain_on_delete
            ),
            delete_before_replace=request.deleteBeforeReplace if defined else None,
            ignore_changes=list(request.ignoreChanges),
            replace_on_changes=list(request.replaceOnChanges),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            aliases=[_alias(item) for item in request.aliases],
            timeouts_s=_timeouts(request.customTimeouts),
        )

    def _provider(self, request: Any) -> str:
        """The provider instance: the resource's own, one from above, or the default one of its package."""
        package = request.type.split(":", 1)[0]
        parent = self._goals.get(request.parent)
        inherited = self._component_providers.get(request.parent, {}).get(package, "")
        if parent is not None and f"::{PROVIDER_PREFIX}{package}::" in f"{reference_urn(parent.provider)}::":
            inherited = inherited or parent.provider
        given = request.provider or request.providers.get(package, "") or inherited
        if given:
            return given
        with self._deployment.journal.failing(""):
            return self._default_provider(package, request.version, f"{request.name} ({request.type})")

    def _default_provider(self, package: str, version: str, needed_by: str) -> str:
        with self._lock:
            if (package, version) not in self._default_providers:
                self._instances.ensure_known(package, needed_by=needed_by)
                inputs: Properties = {
                    key.split(":", 1)[1]: values.make_secret(value) if key in self._secret_keys else value
                    for key, value in sorted(self._config.items())
                    if key.startswith(f"{package}:")
                }
                suffix = re.sub(r"[.+-]", "_", f"_{version}") if version else ""
                record = self._deployment.register(
                    Goal(
                        type=f"{PROVIDER_PREFIX}{package}",
                        name=f"default{suffix}",
                        custom=True,
                        inputs=_with_version(inputs, version) if version else inputs,
                        version=version,
                    )
                )
                self._default_providers[package, version] = f"{record.urn}::{record.id}"
            return self._default_providers[package, version]


def _with_version(inputs: Properties, version: str) -> Properties:
    return {**inputs, "version": version, "__internal": {}}


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
