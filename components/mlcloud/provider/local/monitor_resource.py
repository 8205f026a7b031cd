"""A monitor: alarms over an endpoint's own metrics and a status page; a process that outlives the update."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from mlcloud.provider.errors import Problem, Unhealthy
from mlcloud.provider.fields import options, wire_name
from mlcloud.provider.local import checks
from mlcloud.provider.local.alarm_webhook import problem_of as _webhook_problem
from mlcloud.provider.local.alarms import Rule
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
from mlcloud.provider.local.mailbox import NotTakenError
from mlcloud.provider.local.monitor_folder import KIND, MonitorFolder, Watched
from mlcloud.provider.local.monitor_process import change, end, kept_port, living_state, start
from mlcloud.provider.local.serving import HOST
from mlcloud.provider.resource import Context, Resource


@dataclass(frozen=True, kw_only=True)
class MonitorInputs:
    """What a monitor is made from. All but name and directory is changed in place, and restarts nothing.

    Attributes:
        name: the monitor's name.
        directory: absolute path of a folder for alarms, history and log.
        project: the project's name, as alarms and the page tell it.
        stack: the stack's name, as alarms and the page tell it.
        endpoint_directory: absolute path of the endpoint's folder; it may come later.
        runs_directory: absolute path of the folder that holds the training runs' folders; it may come later.
        registry_directory: absolute path of the registry's folder; it may come later.
        rules: when there is an alarm. Default: none.
        title: what the status page is called. Default: the monitor's name.
        webhook: URL that is told of alarms by POST of JSON. Secret: it is in no file and no message.
        command: program that is told of alarms, by JSON on stdin and variables `MLCLOUD_ALARM_*`.
        command_directory: absolute path of where the program runs. Default: the monitor's own folder.
        port: TCP port of the status page on 127.0.0.1. Default: a free one, chosen once and kept.
    """

    name: str = field(metadata=options(replace=True, check=checks.name))
    directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    project: str
    stack: str
    endpoint_directory: str = field(metadata=options(check=checks.absolute_path))
    runs_directory: str = field(metadata=options(check=checks.absolute_path))
    registry_directory: str = field(metadata=options(check=checks.absolute_path))
    rules: list[Rule] = field(default_factory=list[Rule])
    title: str | None = None
    webhook: str | None = field(default=None, repr=False, metadata=options(check=_webhook_problem))
    command: list[str] | None = field(default=None, metadata=options(check=checks.command))
    command_directory: str | None = field(default=None, metadata=options(check=checks.absolute_path))
    port: int | None = field(default=None, metadata=options(check=checks.port))


@dataclass(frozen=True, kw_only=True)
class MonitorOutputs:
    """What a monitor offers.

    Attributes:
        name: the monitor's name.
        url: the status page, `http://127.0.0.1:<port>/`.
        port: its TCP port.
        alarms: absolute path of a JSON file that says how the alarms stand, written each second.
        history: absolute path of a file with the alarms that opened and closed, a line of JSON each.
        status: `watching`.
        directory: the folder of the monitor's files.
        logs: the folder of the monitor's log.
    """

    name: str
    url: str = field(metadata=options(derived_from=("port",)))
    port: int
    alarms: str = field(metadata=options(derived_from=("directory",)))
    history: str = field(metadata=options(derived_from=("directory",)))
    status: str
    directory: str
    logs: str = field(metadata=options(derived_from=("directory",)))


class Monitor(
    Resource[MonitorInputs, MonitorOutputs], token="mlcloud:local:Monitor", delete_before_replace=True
):
    """Watches an endpoint, its training runs and its registry; changes nothing that is served."""

    @override
    def check(self, old: MonitorInputs | None, new: MonitorInputs) -> Sequence[Problem]:
        """What is wrong with the rules, all at once."""
        return list(_rule_problems(new.rules))

    @override
    def preview(self, new: MonitorInputs, old: MonitorOutputs | None) -> Mapping[str, object]:
        """All but a port that is still to be chosen."""
        port = new.port if new.port is not None else (old.port if old is not None else None)
        known = vars(_outputs(new, port if port is not None else 0))
        return known if port is not None else {key: known[key] for key in known if key not in ("port", "url")}

    @override
    def drift(self, identifier: str, outputs: MonitorOutputs) -> list[str]:
        """The process may have ended."""
        return [] if living_state(MonitorFolder(path=Path(outputs.directory))) is not None else ["status"]

    @override
    def create(self, context: Context, new: MonitorInputs) -> tuple[str, MonitorOutputs]:
        """Start it; a failure leaves nothing. One that runs there for the same resource goes on."""
        folder = MonitorFolder(path=Path(new.directory))
        watched = _watched(new, kept_port(folder))
        claim = Claim.new(KIND, context.urn)
        there, running = claim_of(folder.path / MARK), living_state(folder)
        if there is not None and there.urn == context.urn and running is not None:
            with contextlib.suppress(NotTakenError):
                state = change(context, folder, watched, running.process)
                claim.write(folder.path / MARK)
                return claim.identifier(new.directory), _outputs(new, state.port)
        take(folder.path, claim)
        try:
            state = start(context, folder, watched)
        except BaseException:
            # Unless the update after this one, whose engine was killed, has the place by now.
            if not has_passed_on(folder.path / MARK, claim):
                _remove(folder)
            raise
        return claim.identifier(new.directory), _outputs(new, state.port)

    @override
    def read(
        self, context: Context, identifier: str, inputs: MonitorInputs, outputs: MonitorOutputs
    ) -> MonitorOutputs | None:
        """Gone when its folder is; ill when it does not run."""
        folder = MonitorFolder(path=Path(outputs.directory))
        if not is_claimed(folder.path, KIND):
            return None
        if living_state(folder) is None:
            reason = f"The monitor does not run: the next update starts it. Logs: {outputs.logs}"
            raise Unhealthy(identifier, outputs, [reason])
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: MonitorInputs,
        outputs: MonitorOutputs,
        new: MonitorInputs,
    ) -> MonitorOutputs:
        """Watch other things from now on, or start again what has ended."""
        folder = MonitorFolder(path=Path(outputs.directory))
        watched = _watched(new, outputs.port)
        running = living_state(folder)
        if running is not None:
            with contextlib.suppress(NotTakenError):
                return _outputs(new, change(context, folder, watched, running.process).port)
        if not is_claimed(folder.path, KIND):
            take(folder.path, Claim.of(KIND, context.urn, identifier))
        return _outputs(new, start(context, folder, watched).port)

    @override
    def abandon(self, context: Context, inputs: MonitorInputs) -> None:
        """End it and remove the folder where that carries this monitor's mark."""
        folder = MonitorFolder(path=Path(inputs.directory))
        if own_claim(folder.path / MARK, KIND, context.urn) is not None:
            _remove(folder)
        remove_empty_folders(folder.path.parent)

    @override
    def delete(self, context: Context, identifier: str, outputs: MonitorOutputs) -> None:
        """End it, and remove the folder with the history in it."""
        folder = MonitorFolder(path=Path(outputs.directory))
        if not has_passed_on(folder.path / MARK, Claim.of(KIND, context.urn, identifier)):
            _remove(folder)


def _remove(folder: MonitorFolder) -> None:
    end(folder)
    remove_claimed(folder.path, KIND)
    remove_empty_folders(folder.path.parent)


def _rule_problems(rules: Sequence[Rule]) -> Iterator[Problem]:
    for index, rule in enumerate(rules):
        for attribute, reason in rule.problems():
            yield Problem(path=f"rules[{index}].{wire_name(attribute)}", reason=reason)
        if rule.name in [other.name for other in rules[:index]]:
            yield Problem(
                path=f"rules[{index}].name", reason=f'"{rule.name}" is another rule\'s name: rename it.'
            )


def _outputs(new: MonitorInputs, port: int) -> MonitorOutputs:
    folder = MonitorFolder(path=Path(new.directory))
    return MonitorOutputs(
        name=new.name,
        url=f"http://{HOST}:{port}/",
        port=port,
        alarms=str(folder.alarms),
        history=str(folder.history),
        status="watching",
        directory=new.directory,
        logs=str(folder.logs),
    )


def _watched(new: MonitorInputs, old_port: int) -> Watched:
    return Watched(
        request_id=uuid.uuid4().hex,
        project=new.project,
        stack=new.stack,
        title=new.title if new.title is not None else new.name,
        endpoint_directory=new.endpoint_directory,
        runs_directory=new.runs_directory,
        registry_directory=new.registry_directory,
        rules=tuple(new.rules),
        webhook=new.webhook,
        command=None if new.command is None else tuple(new.command),
        command_directory=new.command_directory if new.command_directory is not None else new.directory,
        port=new.port if new.port is not None else old_port,
        any_port=new.port is None,
    )
