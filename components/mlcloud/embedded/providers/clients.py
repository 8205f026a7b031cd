"""One instance of a provider, called over gRPC or in process: the protocol's methods in plain Python."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from google.rpc.status_pb2 import Status
from pulumi.runtime.proto import provider_pb2 as protocol

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.assets import with_content, without_content
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.state.records import ResourceRecord, urn_name, urn_type

STATUS_DETAILS = "grpc-status-details-bin"
UNIMPLEMENTED = 12
UNAVAILABLE = 14

Call = Callable[[str, Any], Any]
"""``call(method, request) -> response`` of the ResourceProvider protocol; raises :class:`ProviderError`."""


class ProviderError(EngineError):
    """A provider answered with an error, which its message explains."""

    def __init__(self, message: str, code: int = 2, details: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class LostProviderError(ProviderError):
    """A provider is gone: nobody knows how far it came."""


@dataclass(frozen=True, kw_only=True)
class CheckFailure:
    """One input that a provider does not accept."""

    property: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Diff:
    """A provider's answer to what differs."""

    changed: bool | None
    """``None`` when the provider leaves it to the engine to compare the inputs."""
    replaces: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    detailed: dict[str, tuple[str, bool, bool]] = field(default_factory=dict[str, tuple[str, bool, bool]])
    """Path -> (``add``, ``update`` or ``delete``; whether it forces a replacement; whether inputs differ)."""
    delete_before_replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """A resource as its provider left it."""

    id: str
    outputs: Properties
    inputs: Properties | None = None
    init_errors: tuple[str, ...] = ()
    """Why it is there, but does not work: it stays in the state, and the next update tries again."""


class LocalContext:
    """What a servicer that runs in this process is given as its gRPC context."""

    def __init__(self) -> None:
        self.status = 0
        self.message = ""
        self.metadata: tuple[tuple[str, bytes], ...] = ()

    def set_code(self, code: Any) -> None:
        """Remember the status that the method ends with (a ``grpc.StatusCode``)."""
        self.status = int(code.value[0])

    def set_details(self, details: str) -> None:
        """Remember the message that the method ends with."""
        self.message = details

    def set_trailing_metadata(self, metadata: Any) -> None:
        """Remember the details of an error."""
        self.metadata = tuple(metadata)

    def abort(self, code: Any, details: str) -> None:
        """End the method with an error."""
        self.set_code(code)
        self.set_details(details)
        raise ProviderError(details)


def in_process(servicer: Any) -> Call:
    """Call a servicer's methods as gRPC would, without gRPC."""

    def call(method: str, request: Any) -> Any:
        context = LocalContext()
        implementation = getattr(servicer, method, None)
        if implementation is None:
            raise ProviderError(f"{method} is not implemented", UNIMPLEMENTED)
        try:
            response = implementation(request, context)
        except Exception as error:
            details = next((value for key, value in context.metadata if key == STATUS_DETAILS), b"")
            text = context.message or str(error) or type(error).__name__
            raise ProviderError(text, context.status or 2, details) from error
        if context.status:
            raise ProviderError(context.message, context.status)
        return response

    return call


def _init_failure(error: ProviderError) -> protocol.ErrorResourceInitFailed | None:
    """What a provider tells of a resource that is there, yet does not work."""
    if error.details:
        for detail in Status.FromString(error.details).details:
            failure = protocol.ErrorResourceInitFailed()
            if detail.Unpack(failure):
                return failure
    return None


class ProviderClient:
    """One configured instance of a provider: what a ``pulumi:providers:*`` resource stands for."""

    def __init__(self, package: str, call: Call) -> None:
        self.package = package
        self._call = call
        self._secrets = self._references = self._previews = False
        self._handshaken = False
        self.known = True
        """False in a preview whose provider configuration depends on what is not made yet."""

    def _optional(self, method: str, request: Any) -> Any:
        try:
            return self._call(method, request)
        except ProviderError as error:
            if error.code == UNIMPLEMENTED:
                return None
            raise

    def _struct(self, properties: Properties) -> Struct:
        return values.for_provider(properties, secrets=self._secrets, references=self._references)

    def _told(self, properties: Properties) -> Struct:
        """What is only told of: the content of assets is of no use there, and may be gone."""
        return self._struct(without_content(properties))

    def handshake(self, *, engine_address: str, root: str, program: str) -> None:
        """Tell the provider where it runs, if it wants to know."""
        request = protocol.ProviderHandshakeRequest(
            engine_address=engine_address,
            root_directory=root,
            program_directory=program,
            configure_with_urn=True,
        )
        answer = self._optional("Handshake", request)
        if answer is not None:
            self._handshaken = self._previews = True
            self._secrets, self._references = answer.accept_secrets, answer.accept_resources

    def check_config(
        self, urn: str, olds: Properties, news: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        """Validate the configuration of the provider."""
        request = protocol.CheckRequest(urn=urn, olds=values.to_struct(olds), news=values.to_struct(news))
        answer = self._optional("CheckConfig", request)
        return (news, []) if answer is None else self._checked(answer, news)

    def diff_config(self, urn: str, old: ResourceRecord, news: Properties) -> Diff:
        """Compare two configurations of the provider."""
        request = protocol.DiffRequest(
            id=old.id,
            urn=urn,
            olds=values.to_struct(old.outputs),
            old_inputs=values.to_struct(old.inputs),
            news=values.to_struct(news),
        )
        answer = self._optional("DiffConfig", request)
        return Diff(changed=None) if answer is None else _diff(answer)

    def configure(self, urn: str, provider_id: str, inputs: Properties) -> None:
        """Make the provider ready for its resources."""
        self.known = not values.has_unknown({key: inputs[key] for key in inputs if key != "version"})
        if not self.known:
            return
        arguments = protocol.ConfigureRequest(
            args=values.to_struct(inputs),
            variables={
                f"{self.package}:config:{key}": value if isinstance(value, str) else json.dumps(value)
                for key, value in values.plain(inputs).items()
                if key != "version"
            },
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            id=provider_id,
            **_identity(urn),
        )
        answer = self._optional("Configure", arguments)
        if answer is not None and not self._handshaken:
            self._previews = answer.supportsPreview
            self._secrets, self._references = answer.acceptSecrets, answer.acceptResources

    def check(
        self, urn: str, olds: Properties, news: Properties, *, preview: bool
    ) -> tuple[Properties, list[CheckFailure]]:
        """Validate a resource's inputs and fill in its defaults.

        The seed of generated names is random, but in a preview follows from the URN: a plan repeats itself.
        """
        if not self.known:
            return news, []
        request = protocol.CheckRequest(
            **_identity(urn),
            olds=self._struct(olds),
            news=self._struct(news),
            randomSeed=hashlib.sha256(urn.encode()).digest() if preview else secrets.token_bytes(32),
        )
        return self._checked(self._call("Check", request), news)

    def _checked(self, answer: Any, news: Properties) -> tuple[Properties, list[CheckFailure]]:
        failures = [CheckFailure(property=item.property, reason=item.reason) for item in answer.failures]
        return self._marked(values.from_struct(answer.inputs), news), failures

    def _marked(self, answer: Properties, given: Properties) -> Properties:
        """An answer; a provider that knows no secrets is taken to have kept each under the same name."""
        return answer if self._secrets else values.mark_secrets(answer, given)

    def diff(self, old: ResourceRecord, new: ResourceRecord) -> Diff:
        """Compare a resource with the one that is wanted now."""
        if not self.known:
            return Diff(changed=True)
        request = protocol.DiffRequest(
            id=old.id,
            **_identity(new.urn),
            olds=self._told(old.outputs),
            old_inputs=self._told(old.inputs),
            news=self._told(new.inputs),
            ignoreChanges=new.ignore_changes,
        )
        return _diff(self._call("Diff", request))

    def create(self, new: ResourceRecord, *, preview: bool) -> Made:
        """Make the resource, or say what is known of it beforehand."""
        if preview and not (self.known and self._previews):
            return Made(id="", outputs=new.inputs if self.known else {})
        request = protocol.CreateRequest(
            **_identity(new.urn),
            properties=self._struct(new.inputs),
            timeout=new.timeout_s("create"),
            preview=preview,
        )
        answer, init_errors = self._answer("Create", request)
        if not answer.id and not preview:
            told = "\n".join(init_errors)
            raise ProviderError(told or "the provider returned no id for the resource that it made")
        outputs = self._marked(values.from_struct(answer.properties), new.inputs)
        return Made(id=answer.id, outputs=outputs, init_errors=init_errors)

    def update(self, old: ResourceRecord, new: ResourceRecord, *, preview: bool) -> Made:
        """Change the resource in place."""
        if preview and not (self.known and self._previews):
            return Made(id=old.id, outputs=new.inputs if self.known else {})
        request = protocol.UpdateRequest(
            id=old.id,
            **_identity(new.urn),
            olds=self._told(old.outputs),
            old_inputs=self._told(old.inputs),
            news=self._struct(new.inputs),
            ignoreChanges=new.ignore_changes,
            timeout=new.timeout_s("update"),
            preview=preview,
        )
        answer, init_errors = self._answer("Update", request)
        outputs = self._marked(values.from_struct(answer.properties), new.inputs)
        return Made(id=old.id, outputs=outputs, init_errors=init_errors)

    def _answer(self, method: str, request: Any) -> tuple[Any, tuple[str, ...]]:
        """The answer, and why the resource does not work, where it is there all the same."""
        try:
            return self._call(method, request), ()
        except ProviderError as error:
            failure = _init_failure(error)
            if failure is None:
                raise
            return failure, tuple(failure.reasons) or (str(error),)

    def delete(self, record: ResourceRecord) -> None:
        """End the resource."""
        self._call(
            "Delete",
            protocol.DeleteRequest(
                id=record.id,
                **_identity(record.urn),
                properties=self._told(record.outputs),
                old_inputs=self._told(record.inputs),
                timeout=record.timeout_s("delete"),
            ),
        )

    def read(self, record: ResourceRecord) -> Made | None:
        """Look at the resource as it is; ``None`` when there is none any more."""
        request = protocol.ReadRequest(
            id=record.id,
            **_identity(record.urn),
            properties=self._told(record.outputs),
            inputs=self._told(record.inputs),
        )
        answer, init_errors = self._answer("Read", request)
        if not answer.id:
            return None
        return Made(
            id=answer.id,
            outputs=with_content(
                self._marked(values.from_struct(answer.properties), record.outputs), record.outputs
            ),
            inputs=(
                with_content(self._marked(values.from_struct(answer.inputs), record.inputs), record.inputs)
                if answer.HasField("inputs")
                else None
            ),
            init_errors=init_errors,
        )

    def invoke(self, token: str, arguments: Struct, *, preview: bool) -> Any:
        """Call a function of the provider; the response is the protocol's own."""
        return self._call("Invoke", protocol.InvokeRequest(tok=token, args=arguments, preview=preview))

    def cancel(self) -> None:
        """Ask the provider to end what it is doing."""
        self._optional("Cancel", Empty())


def _identity(urn: str) -> dict[str, Any]:
    return {"urn": urn, "name": urn_name(urn), "type": urn_type(urn)}


_KINDS = ("add", "add", "delete", "delete", "update", "update")


def _diff(answer: protocol.DiffResponse) -> Diff:
    detailed: Mapping[str, Any] = answer.detailedDiff
    return Diff(
        changed={0: None, 1: False, 2: True}[answer.changes],
        replaces=tuple(answer.replaces),
        keys=tuple(answer.diffs),
        detailed={
            path: (_KINDS[item.kind], item.kind % 2 == 1, item.inputDiff) for path, item in detailed.items()
        },
        delete_before_replace=answer.deleteBeforeReplace,
    )
