"""What a monitor's resource and its process agree on: its files, and what is to be watched."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.alarms import Rule
from mlcloud.provider.local.files import read_json, write_json
from mlcloud.provider.local.mailbox import Mailbox
from mlcloud.provider.local.processes import ProcessRef

KIND: Final = "monitor"
MONITOR: Final = "mlcloud.provider.local.monitor"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a monitor watches, and whom it tells.

    Attributes:
        request_id: names the request, so that its answer is told from an earlier one's.
        project: the project's name.
        stack: the stack's name.
        title: what the status page is called.
        endpoint_directory: the endpoint's folder; it may not be there yet.
        runs_directory: the folder of the training runs' folders; it may not be there yet.
        registry_directory: the registry's folder; it may not be there yet.
        rules: when there is an alarm.
        webhook: a URL that is told; a secret, so that it is in no file but the request.
        command: a program that is told.
        command_directory: where the program runs.
        port: TCP port of the status page on the loopback interface; 0 chooses a free one.
        any_port: nobody asked for this port, so that another will do where it is taken.
    """

    request_id: str
    project: str
    stack: str
    title: str
    endpoint_directory: str
    runs_directory: str
    registry_directory: str
    rules: tuple[Rule, ...]
    webhook: str | None = field(repr=False)
    command: tuple[str, ...] | None
    command_directory: str
    port: int
    any_port: bool

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Watched":
        """What a request asks for.

        Raises:
            ResourceError: it comes from a version of this package that asks for less.
        """
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in request.items() if name in known}
        of_rule = {item.name for item in fields(Rule)}
        try:
            rules = cast(list[Mapping[str, Any]], values.pop("rules"))
            command = cast(list[str] | None, values.pop("command"))
            return cls(
                rules=tuple(
                    Rule(**{name: value for name, value in rule.items() if name in of_rule}) for rule in rules
                ),
                command=None if command is None else tuple(command),
                **values,
            )
        except (KeyError, TypeError) as error:
            raise ResourceError(
                f"The monitor is of another version of mlcloud ({error}): replace the monitor."
            ) from None


@dataclass(frozen=True, kw_only=True)
class MonitorState:
    """What runs for a monitor now.

    Attributes:
        process: the monitor's process.
        port: TCP port of the status page.
        answered: the request that was answered last.
        error: why that request failed; empty when it did not.
    """

    process: ProcessRef
    port: int
    answered: str
    error: str


@dataclass(frozen=True, kw_only=True)
class MonitorFolder:
    """The folder of a monitor."""

    path: Path

    @property
    def mailbox(self) -> Mailbox:
        """Where it is asked."""
        return Mailbox(path=self.path)

    @property
    def alarms(self) -> Path:
        """How the alarms stand, written at each evaluation."""
        return self.path / "alarms.json"

    @property
    def history(self) -> Path:
        """The alarms that opened and closed, a line each."""
        return self.path / "history.jsonl"

    @property
    def logs(self) -> Path:
        """The folder of the monitor's log."""
        return self.path / "logs"

    @property
    def log(self) -> Path:
        """What the monitor says."""
        return self.logs / "monitor.log"

    @property
    def _state(self) -> Path:
        return self.path / "state.json"

    def ask(self, watched: Watched) -> None:
        """Leave a request for the monitor."""
        self.mailbox.ask(asdict(watched))

    def write_state(self, state: MonitorState) -> None:
        """Keep what runs."""
        write_json(self._state, asdict(state))

    def state(self) -> MonitorState | None:
        """What runs, as far as the monitor has said; None before it has, or where it cannot be read."""
        content = read_json(self._state)
        try:
            if content is None:
                return None
            return MonitorState(process=ProcessRef(**content.pop("process")), **content)
        except (KeyError, TypeError):
            return None
