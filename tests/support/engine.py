"""A small provider that lives in the test's process, and an engine around a program function."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status
from mlcloud.embedded.engine.engine import Engine, Result
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.events import Diagnostic, Event, ResourceEnded, Summary
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.properties import values
from mlcloud.embedded.state.checkpoint import verify_integrity
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from pulumi import CustomResource, ResourceOptions
from pulumi.runtime.proto import plugin_pb2, provider_pb2


class Thing(CustomResource):
    """A resource of the test provider."""

    def __init__(self, name: str, opts: ResourceOptions | None = None, **props: Any) -> None:
        props.setdefault("serial", None)
        super().__init__("test:index:Thing", name, props, opts)


class ThingProvider:
    """Keeps things in memory. ``size`` and ``tags`` change in place; ``color`` forces a replacement, and so
    does ``site``, with the deletion first. ``fail`` fails an operation, ``broken`` leaves one half made."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.serial = 0
        self.fail: dict[tuple[str, str], str] = {}
        self.broken: dict[str, str] = {}
        self.before: Callable[[str, str], None] = lambda _method, _name: None
        self.cancelled = threading.Event()
        self.lock = threading.Lock()
        self.requests: list[tuple[str, Any]] = []

    def number(self, name: str) -> str:
        """What tells a thing that is made from all others."""
        self.serial += 1
        return str(self.serial)

    def _called(self, method: str, request: Any, context: Any) -> None:
        name = request.urn.rsplit("::", 1)[-1]
        with self.lock:
            self.calls.append((method, name))
            self.requests.append((method, request))
        self.before(method, name)
        if (method, name) in self.fail:
            context.abort(grpc.StatusCode.UNKNOWN, self.fail[method, name])

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="0.0.1")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        olds, news = values.from_struct(request.old_inputs), values.from_struct(request.news)
        keys = sorted({path for path, _ in values.differences(olds, news)})
        kinds = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(
            changes=kinds.DIFF_SOME if keys else kinds.DIFF_NONE,
            diffs=keys,
            replaces=[key for key in keys if key == "realm"],
        )

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        self._called("check", request, context)
        inputs = values.from_struct(request.news)
        failures = []
        if values.plain(inputs.get("size")) == -1:
            failures.append(provider_pb2.CheckFailure(property="size", reason="must be 0 or more"))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        self._called("diff", request, context)
        olds, news = values.from_struct(request.old_inputs), values.from_struct(request.news)
        keys = sorted({path.split(".")[0].split("[")[0] for path, _ in values.differences(olds, news)})
        keys = [key for key in keys if key not in request.ignoreChanges]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if keys else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=keys,
            replaces=[key for key in keys if key in {"color", "site"}],
            deleteBeforeReplace="site" in keys,
        )

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            known = {**values.from_struct(request.properties), "serial": values_unknown()}
            return provider_pb2.CreateResponse(properties=values.to_struct(known))
        self._called("create", request, context)
        with self.lock:
            number = self.number(request.urn.rsplit("::", 1)[-1])
            thing_id = f"thing-{number}"
            self.things[thing_id] = {**values.from_struct(request.properties), "serial": f"s{number}"}
        self._maybe_broken(request, thing_id, context)
        return provider_pb2.CreateResponse(id=thing_id, properties=values.to_struct(self.things[thing_id]))

    def Update(self, request: Any, context: Any) -> Any:
        if not request.preview:
            self._called("update", request, context)
        serial = values.from_struct(request.olds).get("serial")
        thing = {**values.from_struct(request.news), "serial": serial}
        if not request.preview:
            self.things[request.id] = thing
            self._maybe_broken(request, request.id, context)
        return provider_pb2.UpdateResponse(properties=values.to_struct(thing))

    def _maybe_broken(self, request: Any, thing_id: str, context: Any) -> None:
        reason = self.broken.get(request.urn.rsplit("::", 1)[-1])
        if reason is None:
            return
        detail = AnyMessage()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=thing_id, properties=values.to_struct(self.things[thing_id]), reasons=[reason]
            )
        )
        status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, reason)

    def Delete(self, request: Any, context: Any) -> Any:
        self._called("delete", request, context)
        self.things.pop(request.id, None)
        return Empty()

    def Read(self, request: Any, context: Any) -> Any:
        self._called("read", request, context)
        if request.id not in self.things:
            return provider_pb2.ReadResponse()
        self._maybe_broken(request, request.id, context)
        return provider_pb2.ReadResponse(
            id=request.id, properties=values.to_struct(self.things[request.id]), inputs=request.inputs
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        arguments = values.from_struct(request.args)
        if "bad" in arguments:
            failure = provider_pb2.CheckFailure(property="bad", reason="is not allowed")
            return provider_pb2.InvokeResponse(failures=[failure])
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(values.to_struct({"doubled": arguments["number"] * 2}))
        return response

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled.set()
        return Empty()


def values_unknown() -> str:
    from mlcloud.embedded.properties.marks import UNKNOWN

    return UNKNOWN


class MemoryState:
    """A stack's state in memory."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.snapshot = snapshot or Snapshot()
        self.written: list[Snapshot] = []
        self.history: list[Any] = []

    def exists(self) -> bool:
        return True

    def lock(self) -> Any:
        return nullcontext([])

    def read(self) -> Snapshot:
        return deepcopy(self.snapshot)

    def write(self, snapshot: Snapshot) -> None:
        # Whatever is written must be a state that can be opened again, also in the middle of a run.
        verify_integrity(snapshot)
        self.snapshot = deepcopy(snapshot)
        self.written.append(self.snapshot)

    def add_history(self, update: Any) -> None:
        self.history.append(update)


@dataclass
class Stack:
    """A stack whose program is a function, edited by giving another one."""

    folder: Path
    provider: Any = field(default_factory=ThingProvider)
    state: Any = field(default_factory=MemoryState)
    config: Mapping[str, str] = field(default_factory=dict)
    secret_keys: frozenset[str] = frozenset()
    plugins: Mapping[str, Path] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    engine: Engine | None = None

    def open(self, program: Callable[[], Any]) -> Engine:
        self.events.clear()
        self.engine = Engine(
            target=Target(
                project="shop",
                stack="dev",
                root=self.folder,
                folder=self.folder,
                config=self.config,
                secret_keys=self.secret_keys,
                plugins=self.plugins,
            ),
            program=program,
            state=self.state,
            providers={} if self.provider is None else {"test": self.provider},
            on_event=self.events.append,
        )
        return self.engine

    def up(self, program: Callable[[], Any]) -> Result:
        return self.open(program).up()

    def preview(self, program: Callable[[], Any]) -> Plan:
        return self.open(program).preview()

    def refresh(self) -> Result:
        return self.open(lambda: None).refresh()

    def destroy(self) -> Result:
        return self.open(lambda: None).destroy()

    @property
    def ops(self) -> list[tuple[str, str]]:
        """The operations that succeeded in the last run, in order, but those of the stack itself."""
        ended = (event for event in self.events if isinstance(event, ResourceEnded))
        return [(event.op, event.name) for event in ended if event.type != "pulumi:pulumi:Stack"]

    @property
    def counts(self) -> dict[str, int]:
        """What the last run counted."""
        return next(event.counts for event in self.events if isinstance(event, Summary))

    @property
    def resources(self) -> dict[str, ResourceRecord]:
        return {record.name: record for record in self.state.snapshot.resources}

    @property
    def errors(self) -> list[str]:
        return [
            item.message for item in self.events if isinstance(item, Diagnostic) and item.severity == "error"
        ]
