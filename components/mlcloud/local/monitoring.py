"""Monitoring on this machine: what raises an alarm, who hears of it, and a status page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.local.resources import Monitor
from mlcloud.local.scope import LocalScope
from mlcloud.local.watches import Watch


@dataclass(frozen=True, kw_only=True)
class LocalMonitoringArgs:
    """What the monitoring of an endpoint on this machine is made from.

    Attributes:
        scope: Whose it is and where; the endpoint, the runs and the registry are looked for in its folder,
            and may come later.
        watch: What is watched.
        webhook: URL that is told of alarms, by POST of JSON. It is kept as a secret. Default: none.
        command: Program that is told of alarms, by JSON on stdin and variables `MLCLOUD_ALARM_*`.
            Default: none.
        command_directory: Absolute path of where the program runs. Default: the scope's folder.
        port: TCP port of the status page on 127.0.0.1. Default: a free one, chosen once and kept.
    """

    scope: LocalScope
    watch: Watch
    webhook: pulumi.Input[str] | None = field(default=None, repr=False)
    command: Sequence[str] | None = None
    command_directory: Path | None = None
    port: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The monitoring", within("port", self.port, low=1024, high=65535))


class LocalMonitoring(pulumi.ComponentResource):
    """Alarms over the endpoint's own metrics and over failed training runs, and a status page."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    """The status page."""
    alarms: pulumi.Output[str]
    """Absolute path of a JSON file that says how the alarms stand; an endpoint's rollout may watch it."""
    history: pulumi.Output[str]
    """Absolute path of a file with the alarms that opened and closed, a line of JSON each."""

    def __init__(
        self, name: str, args: LocalMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:LocalMonitoring", name, {}, opts)
        scope = args.scope
        endpoint_name = scope.name("local-endpoint")
        monitor = Monitor(
            f"{name}-monitor",
            name=endpoint_name,
            directory=scope.folder("monitors", endpoint_name),
            project=scope.project,
            stack=scope.stack,
            title=f"{scope.project} {scope.stack}",
            endpoint_directory=scope.folder("endpoints", endpoint_name),
            runs_directory=scope.folder("buckets", "runs"),
            registry_directory=scope.folder("registry"),
            rules=[alarm.rule for alarm in args.watch.alarms],
            webhook=args.webhook,
            command=args.command,
            command_directory=scope.folder()
            if args.command_directory is None
            else str(args.command_directory),
            port=args.port,
            opts=child_options(self, environment=scope.environment),
        )
        self.id = monitor.id
        self.name = monitor.name
        self.url = monitor.url
        self.alarms = monitor.alarms
        self.history = monitor.history
        self.register_outputs({"url": self.url, "alarms": self.alarms})
