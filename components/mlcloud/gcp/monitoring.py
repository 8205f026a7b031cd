"""Monitoring on GCP: who hears of alarms, what raises them, logs, and a dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_gcp import monitoring

from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.logs import TRAINING_LOGS, declare_log_bucket, endpoint_logs, retention_problem
from mlcloud.gcp.metrics import Endpoint, metrics_of
from mlcloud.gcp.watches import Watch

_COLUMNS: Final = 3
_WIDGET: Final = (16, 12)
# A log that matches tells at most once in five minutes (AlertStrategy.notificationRateLimit).
_TELL_EVERY: Final = "300s"
# What Vertex AI's own service says of a job that failed, beside the lines of its containers.
_FAILED: Final = f'{TRAINING_LOGS} AND resource.labels.task_name="service" AND severity>=ERROR'


@dataclass(frozen=True, kw_only=True)
class GcpNotificationsArgs:
    """Who hears of a stack's alarms and budget.

    Attributes:
        scope: Whose it is and where.
        emails: Addresses that are told, 1 to 16; an alert policy without a channel tells nobody.
    """

    scope: Scope
    emails: Sequence[str]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        # AlertPolicy.notificationChannels in the discovery document: at most 16.
        validate("The notifications", within("emails", len(self.emails), low=1, high=16))


class GcpNotifications(pulumi.ComponentResource):
    """Channels of Cloud Monitoring that alert policies and budgets tell."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    channels: Sequence[pulumi.Output[str]]
    """Full names of the channels."""

    def __init__(
        self, name: str, args: GcpNotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:GcpNotifications", name, {}, opts)
        scope = args.scope
        channels = [
            monitoring.NotificationChannel(
                f"{name}-{email}",
                project=scope.account,
                display_name=scope.name("gcp-display-name"),
                type="email",
                labels={"email_address": email},
                enabled=True,
                user_labels=scope.tags,
                opts=child_options(self, environment=scope.environment),
            )
            for email in args.emails
        ]
        self.id = channels[0].id
        self.name = pulumi.Output.from_input(scope.name("gcp-display-name"))
        self.channels = [channel.name for channel in channels]
        self.register_outputs({"name": self.name, "channels": self.channels})


@dataclass(frozen=True, kw_only=True)
class GcpMonitoringArgs:
    """What the monitoring of an endpoint is made from.

    Attributes:
        scope: Whose it is and where.
        watch: What is watched.
        channels: Full names of the channels that are told.
        log_key_name: KMS key of the log bucket; Cloud Logging's agent must be allowed to use it. Default:
            Google's own keys.
        log_retention_days: How long logs are kept, 1 to 3650 days. Default 365.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
    """

    scope: Scope
    watch: Watch
    channels: Sequence[pulumi.Input[str]]
    log_key_name: pulumi.Input[str] | None = None
    log_retention_days: int = 365
    part: str | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The monitoring",
            within("channels", len(self.channels), low=1, high=16),
            retention_problem("log_retention_days", self.log_retention_days),
        )


class GcpMonitoring(pulumi.ComponentResource):
    """Alert policies of an endpoint and of failed training runs, logs with retention, and a dashboard."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    policy_names: pulumi.Output[Sequence[str]]
    log_bucket: pulumi.Output[str]
    """Full name of the log bucket."""

    def __init__(
        self, name: str, args: GcpMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:GcpMonitoring", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        parts = [] if args.part is None else [args.part]
        policies = [
            alarm.declare(
                f"{name}-{alarm.part}",
                args.watch.endpoint,
                scope=scope,
                display_name=scope.name("gcp-display-name", *parts, alarm.part),
                channels=args.channels,
                parent=self,
            )
            for alarm in args.watch.alarms
        ]
        policies.append(self._failed_training(name, args, parts))
        logs = declare_log_bucket(
            f"{name}-logs",
            scope=scope,
            queries=[endpoint_logs(args.watch.endpoint.endpoint_name), TRAINING_LOGS],
            retention_days=args.log_retention_days,
            key_name=args.log_key_name,
            parent=self,
        )
        dashboard = monitoring.Dashboard(
            f"{name}-dashboard",
            project=scope.account,
            dashboard_json=pulumi.Output.json_dumps(
                _dashboard(scope.name("gcp-display-name", *parts), args.watch.endpoint), sort_keys=True
            ),
            opts=self._options,
        )
        self.id = dashboard.id
        self.name = pulumi.Output.from_input(scope.name("gcp-display-name", *parts))
        self.policy_names = pulumi.Output.all(*[policy.name for policy in policies]).apply(
            lambda names: [str(policy) for policy in names]
        )
        self.log_bucket = logs.id
        self.register_outputs({"name": self.name, "policy_names": self.policy_names})

    def _failed_training(
        self, name: str, args: GcpMonitoringArgs, parts: Sequence[str]
    ) -> monitoring.AlertPolicy:
        """Declare an alert on failed runs of the project, whoever started them."""
        scope = args.scope
        return monitoring.AlertPolicy(
            f"{name}-failed-training",
            project=scope.account,
            display_name=scope.name("gcp-display-name", *parts, "failed-training"),
            combiner="OR",
            conditions=[
                monitoring.AlertPolicyConditionArgs(
                    display_name="failed-training",
                    condition_matched_log=monitoring.AlertPolicyConditionConditionMatchedLogArgs(
                        filter=_FAILED
                    ),
                )
            ],
            notification_channels=list(args.channels),
            documentation=monitoring.AlertPolicyDocumentationArgs(
                content="A training run failed. The alert shows what Vertex AI says of it; "
                "`mlcloud logs --training` shows what the trainer said.",
                mime_type="text/markdown",
            ),
            alert_strategy=monitoring.AlertPolicyAlertStrategyArgs(
                auto_close="1800s",
                notification_rate_limit=monitoring.AlertPolicyAlertStrategyNotificationRateLimitArgs(
                    period=_TELL_EVERY
                ),
            ),
            severity="ERROR",
            enabled=True,
            user_labels=scope.tags,
            opts=self._options,
        )


def _dashboard(title: str, endpoint: Endpoint) -> Any:
    """One graph for each metric that this kind of endpoint publishes, in the order of the table."""
    width, height = _WIDGET
    tiles: list[dict[str, Any]] = []
    for index, metric in enumerate(metrics_of(endpoint)):
        row, column = divmod(index, _COLUMNS)
        query = {
            "timeSeriesFilter": {
                "filter": metric.filter(endpoint),
                "aggregation": {
                    "alignmentPeriod": "60s",
                    "perSeriesAligner": metric.aligner,
                    "crossSeriesReducer": metric.reducer,
                },
            }
        }
        tiles.append(
            {
                "xPos": column * width,
                "yPos": row * height,
                "width": width,
                "height": height,
                "widget": {
                    "title": f"{metric.name} ({metric.unit})",
                    "xyChart": {"dataSets": [{"plotType": "LINE", "timeSeriesQuery": query}]},
                },
            }
        )
    return {"displayName": title, "mosaicLayout": {"columns": _COLUMNS * width, "tiles": tiles}}
