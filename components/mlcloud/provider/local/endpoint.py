"""An endpoint: a model served over HTTP on this machine by processes that outlive the update."""

import contextlib
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from mlcloud.provider import rollout
from mlcloud.provider.errors import Cancelled, Problem, ResourceError, Unhealthy
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.claims import (
    MARK,
    Claim,
    claim_of,
    has_passed_on,
    is_claimed,
    own_claim,
    remove_claimed,
    remove_empty_folders,
    take,
)
from mlcloud.provider.local.endpoint_process import (
    END_MARGIN_S,
    end_all,
    health_failure,
    kept_port,
    living_state,
    start,
)
from mlcloud.provider.local.endpoint_rollout import Plan, roll_out
from mlcloud.provider.local.files import path_of
from mlcloud.provider.local.mailbox import NotTakenError
from mlcloud.provider.local.model_version import VERSION_LENGTH
from mlcloud.provider.local.models import verify_model
from mlcloud.provider.local.scaling import DEFAULT_TARGET, SCALE_IN_AFTER_S
from mlcloud.provider.local.serving import HOST, KIND, Deployment, EndpointFolder, EndpointState
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.rollout import two_ways
from mlcloud.provider.smoke import Smoke

DEFAULT_COMMAND: Final = (sys.executable, "-m", "mlcloud_trainer")
# What the endpoint itself tells its servers.
_RESERVED: Final = re.compile(r"MLCLOUD_(MODEL_(URI|SHA256|NAME|VERSION)|(LISTEN|PRIVATE|HANDOFF)_FD)")


def _replicas(value: int) -> str | None:
    return None if 1 <= value <= 64 else f"{value} is not from 1 to 64."


def _target(value: float) -> str | None:
    return None if 0 < value <= 1000 else f"{value:g} is not above 0 and at most 1000."


def _environment(value: Mapping[str, str]) -> str | None:
    wrong = [name for name in value if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    wrong += [name for name, text in value.items() if "\0" in text and name not in wrong]
    if wrong:
        return (
            f"{', '.join(map(repr, wrong))}: a name has letters, digits and _, and no value a null character."
        )
    reserved = [name for name in value if _RESERVED.fullmatch(name)]
    return f"{', '.join(reserved)}: the endpoint sets it by itself, remove it." if reserved else None


@dataclass(frozen=True, kw_only=True)
class EndpointInputs:
    """What an endpoint is made from.

    Attributes:
        name: the name under which the model is served.
        directory: absolute path of a folder for the endpoint's state and logs.
        model_uri: `file://` URI of the model's folder or archive.
        model_sha256: the model's SHA-256, which the server checks before it opens anything.
        model_version: label of the version. Default: the first 12 characters of the SHA-256.
        port: TCP port on 127.0.0.1. Default: a free one, chosen once and kept.
        replicas: server processes, 1 to 64, which share the port; with `maxReplicas` the fewest. Default 1.
        max_replicas: most server processes, `replicas` to 64. Default: as many as `replicas`, no scaling.
        target_in_flight: requests that each server is to answer at once, on average: where they answer
            more, there will be more of them, up to the most. Default 0.7: it is busy 70 % of its time.
        scale_in_after_s: seconds that a server must not have been needed before it goes. Default 60.
        start_timeout_s: seconds until every server must be ready. Default 60.
        drain_timeout_s: seconds that an old server may take for requests in flight. Default 30.
        environment: further variables of the server.
        command: the server's command; `serve` is appended. Default: the bundled trainer.
        canary_percent: share of the traffic that moves to a new version first, 1 to 50. Default: no canary.
        linear_step_percent: share of the traffic in each step, 10 to 50. Default: no steps.
        wait_s: seconds that a new version is watched after each move of traffic, with the old one standing
            by, 0 to 3600. Default 3.
        alarms: absolute path of the monitor's alarms.json: an alarm of the new version takes it back.
            Default: health alone is watched.
    """

    name: str = field(metadata=options(replace=True, check=checks.name))
    directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    model_uri: str = field(metadata=options(check=checks.local_uri))
    model_sha256: str = field(metadata=options(check=checks.sha256))
    model_version: str | None = field(default=None, metadata=options(check=checks.label))
    port: int | None = field(default=None, metadata=options(check=checks.port))
    replicas: int = field(default=1, metadata=options(check=_replicas))
    max_replicas: int | None = field(default=None, metadata=options(check=_replicas))
    target_in_flight: float = field(default=DEFAULT_TARGET, metadata=options(check=_target))
    scale_in_after_s: float = field(default=SCALE_IN_AFTER_S, metadata=options(check=checks.seconds))
    start_timeout_s: float = field(default=60.0, metadata=options(check=checks.seconds))
    drain_timeout_s: float = field(default=30.0, metadata=options(check=checks.seconds))
    environment: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=_environment))
    command: list[str] | None = field(default=None, metadata=options(check=checks.command))
    canary_percent: int | None = field(default=None, metadata=options(check=checks.between(1, 50)))
    linear_step_percent: int | None = field(default=None, metadata=options(check=checks.between(10, 50)))
    wait_s: float = field(default=3.0, metadata=options(check=checks.between(0, 3600)))
    alarms: str | None = field(default=None, metadata=options(check=checks.absolute_path))


@dataclass(frozen=True, kw_only=True)
class EndpointOutputs:
    """What an endpoint offers.

    Attributes:
        name: the name under which the model is served.
        url: `http://127.0.0.1:<port>`, without a slash at the end.
        port: the TCP port.
        model_uri: the served model's URI.
        model_sha256: the served model's SHA-256.
        model_version: label of the served version.
        replicas: server processes; the fewest where there is a most.
        status: `serving`.
        directory: the folder of the endpoint's state.
        logs: the folder of the servers' logs.
        drain_timeout_s: seconds that a server may take for requests in flight when the endpoint ends.
        max_replicas: most server processes, where the load says how many there are.
    """

    name: str
    url: str = field(metadata=options(derived_from=("port",)))
    port: int
    model_uri: str
    model_sha256: str
    model_version: str = field(metadata=options(derived_from=("model_sha256",)))
    replicas: int
    status: str
    directory: str
    logs: str = field(metadata=options(derived_from=("directory",)))
    drain_timeout_s: float
    max_replicas: int | None = None


class Endpoint(
    Resource[EndpointInputs, EndpointOutputs], token="mlcloud:local:Endpoint", delete_before_replace=True
):
    """Serves a model; a new version takes over only after it has answered health and a smoke prediction."""

    @override
    def check(self, old: EndpointInputs | None, new: EndpointInputs) -> Sequence[Problem]:
        """There is one way to move traffic, and the most is no less than the fewest."""
        del old
        problems = [two_ways(new.canary_percent, new.linear_step_percent)]
        if new.max_replicas is not None and new.max_replicas < new.replicas:
            reason = f"{new.max_replicas} is less than `replicas`, {new.replicas}."
            problems.append(Problem(path="maxReplicas", reason=reason))
        return [problem for problem in problems if problem is not None]

    @override
    def preview(self, new: EndpointInputs, old: EndpointOutputs | None) -> Mapping[str, object]:
        """All but a port that is still to be chosen."""
        port = new.port if new.port is not None else (old.port if old is not None else None)
        known = vars(_outputs(new, port if port is not None else 0))
        return known if port is not None else {key: known[key] for key in known if key not in ("port", "url")}

    @override
    def drift(self, identifier: str, outputs: EndpointOutputs) -> list[str]:
        """The servers may have ended, or serve what an interrupted update has asked for."""
        state = living_state(EndpointFolder(path=Path(outputs.directory)))
        if state is None or state.ready == 0:
            return ["status"]
        if (state.version, state.sha256) != (outputs.model_version, outputs.model_sha256):
            return ["model_version"]
        most = outputs.replicas if outputs.max_replicas is None else outputs.max_replicas
        return [] if outputs.replicas <= state.replicas <= most else ["replicas"]

    @override
    def create(self, context: Context, new: EndpointInputs) -> tuple[str, EndpointOutputs]:
        """Start the supervisor and its first generation; a failure leaves nothing.

        One that runs there for the same resource hands over as in an update: its state was lost, or it is
        being replaced where it is.
        """
        folder = EndpointFolder(path=Path(new.directory))
        deployment = _deployment(new, kept_port(folder))
        claim = Claim.new(KIND, context.urn)
        there, running = claim_of(folder.path / MARK), living_state(folder)
        if there is not None and there.urn == context.urn and running is not None:
            with contextlib.suppress(NotTakenError):
                state = roll_out(context, folder, deployment, running.supervisor, _plan(new))
                claim.write(folder.path / MARK)
                return claim.identifier(new.directory), _outputs(new, state.port)
        take(folder.path, claim)
        try:
            state = start(context, folder, deployment)
        except BaseException:
            # Unless the update after this one, whose engine was killed, has the place by now.
            if not has_passed_on(folder.path / MARK, claim):
                _remove(folder, END_MARGIN_S)
            raise
        return claim.identifier(new.directory), _outputs(new, state.port)

    @override
    def read(
        self, context: Context, identifier: str, inputs: EndpointInputs, outputs: EndpointOutputs
    ) -> EndpointOutputs | None:
        """Gone when its folder is; ill when nothing answers."""
        folder = EndpointFolder(path=Path(outputs.directory))
        if not is_claimed(folder.path, KIND):
            return None
        if living_state(folder) is None:
            raise Unhealthy(
                identifier, outputs, ["The endpoint's supervisor does not run: the next update starts it."]
            )
        failure = health_failure(outputs.port)
        if failure is not None:
            raise Unhealthy(
                identifier, outputs, [f"{outputs.url} is not ready: {failure}. Logs: {outputs.logs}"]
            )
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: EndpointInputs,
        outputs: EndpointOutputs,
        new: EndpointInputs,
    ) -> EndpointOutputs:
        """Let a new version take over behind the same port; one that fails leaves the old one serving."""
        folder = EndpointFolder(path=Path(outputs.directory))
        if _served(old) == _served(new) and not self.drift(identifier, outputs):
            return _outputs(new, outputs.port)
        deployment = _deployment(new, outputs.port)
        running = living_state(folder)
        if running is not None:
            with contextlib.suppress(NotTakenError):
                state = roll_out(context, folder, deployment, running.supervisor, _plan(new))
                return _outputs(new, state.port)
        if not is_claimed(folder.path, KIND):
            take(folder.path, Claim.of(KIND, context.urn, identifier))
        running = _restored(context, folder, old, outputs, new)
        if running is None:
            return _outputs(new, start(context, folder, deployment).port)
        return _outputs(new, roll_out(context, folder, deployment, running.supervisor, _plan(new)).port)

    @override
    def abandon(self, context: Context, inputs: EndpointInputs) -> None:
        """End every process and remove the folder where it carries this endpoint's mark."""
        folder = EndpointFolder(path=Path(inputs.directory))
        if own_claim(folder.path / MARK, KIND, context.urn) is not None:
            _remove(folder, inputs.drain_timeout_s + END_MARGIN_S)
        remove_empty_folders(folder.path.parent)

    @override
    def delete(self, context: Context, identifier: str, outputs: EndpointOutputs) -> None:
        """End every process, which frees the port, and remove the folder."""
        folder = EndpointFolder(path=Path(outputs.directory))
        if has_passed_on(folder.path / MARK, Claim.of(KIND, context.urn, identifier)):
            return
        _remove(folder, outputs.drain_timeout_s + END_MARGIN_S)


def _restored(
    context: Context,
    folder: EndpointFolder,
    old: EndpointInputs,
    outputs: EndpointOutputs,
    new: EndpointInputs,
) -> EndpointState | None:
    """Serve what served before the supervisor was killed, so that another version has a way back.

    None where nothing else is wanted, or where it cannot be served any more.
    """
    if _served(old) == _served(new):
        return None
    try:
        return start(context, folder, _deployment(old, outputs.port))
    except Cancelled:
        raise
    except ResourceError as error:
        context.log(f"The version before cannot be served again: {error}", severity="warning")
        return None


def _served(inputs: EndpointInputs) -> EndpointInputs:
    """The inputs without those that only say how the next version takes over."""
    return replace(inputs, canary_percent=None, linear_step_percent=None, wait_s=0.0, alarms=None)


def _plan(new: EndpointInputs) -> Plan:
    shares = rollout.shares(canary_percent=new.canary_percent, linear_step_percent=new.linear_step_percent)
    return Plan(
        shares=tuple(shares), wait_s=new.wait_s, alarms=None if new.alarms is None else Path(new.alarms)
    )


def _remove(folder: EndpointFolder, grace_s: float) -> None:
    end_all(folder, grace_s)
    remove_claimed(folder.path, KIND)
    remove_empty_folders(folder.path.parent)


def _outputs(new: EndpointInputs, port: int) -> EndpointOutputs:
    return EndpointOutputs(
        name=new.name,
        url=f"http://{HOST}:{port}",
        port=port,
        model_uri=new.model_uri,
        model_sha256=new.model_sha256,
        model_version=_version(new),
        replicas=new.replicas,
        status="serving",
        directory=new.directory,
        logs=str(EndpointFolder(path=Path(new.directory)).logs),
        drain_timeout_s=new.drain_timeout_s,
        max_replicas=new.max_replicas,
    )


def _version(new: EndpointInputs) -> str:
    return new.model_version if new.model_version is not None else new.model_sha256[:VERSION_LENGTH]


def _deployment(new: EndpointInputs, old_port: int) -> Deployment:
    """What the supervisor is asked for; the model is checked here, before anything is started."""
    try:
        manifest = verify_model(path_of(new.model_uri), new.model_sha256)
    except ResourceError as error:
        raise ResourceError(f"modelUri: {error}") from None
    return Deployment(
        request_id=uuid.uuid4().hex,
        command=list(new.command if new.command is not None else DEFAULT_COMMAND),
        environment={
            **new.environment,
            "MLCLOUD_MODEL_URI": new.model_uri,
            "MLCLOUD_MODEL_SHA256": new.model_sha256,
            "MLCLOUD_MODEL_NAME": new.name,
            "MLCLOUD_MODEL_VERSION": _version(new),
        },
        version=_version(new),
        sha256=new.model_sha256,
        port=new.port if new.port is not None else old_port,
        any_port=new.port is None,
        replicas=new.replicas,
        least=new.replicas,
        most=new.replicas if new.max_replicas is None else new.max_replicas,
        target_in_flight=new.target_in_flight,
        scale_in_after_s=new.scale_in_after_s,
        start_timeout_s=new.start_timeout_s,
        drain_timeout_s=new.drain_timeout_s,
        smoke=_smoke(manifest),
    )


def _smoke(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row that the model's manifest knows the prediction of; None when it brings none."""
    known = Smoke.of_manifest(manifest)
    return None if known is None else {"instance": known.instance, "prediction": known.prediction}
