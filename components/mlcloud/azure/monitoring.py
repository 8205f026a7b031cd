"""Monitoring on Azure: who hears of alarms, what raises them, and a workbook."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_azure_native import applicationinsights, monitor

from mlcloud.azure.alarms import Alarm
from mlcloud.azure.metrics import FAILED_RUNS, Endpoint, Metric, Workspace, metrics_of
from mlcloud.azure.watches import Watch
from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups: 1000 addresses, and a short name of 12
# characters, which text messages show.
_EMAILS_MAX: Final = 1000
_SHORT_NAME: Final = 12
_WORKBOOK: Final = "Notebook/1.0"


@dataclass(frozen=True, kw_only=True)
class AzureNotificationsArgs:
    """Who hears of a stack's alarms and budget.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        emails: Addresses that are told, 1 to 1000; an alert without a receiver tells nobody.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    emails: Sequence[str]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The notifications", within("emails", len(self.emails), low=1, high=_EMAILS_MAX))


class AzureNotifications(pulumi.ComponentResource):
    """An action group, which alert rules and budgets tell."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    action_group: pulumi.Output[str]
    """Resource id of the action group."""

    def __init__(
        self, name: str, args: AzureNotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureNotifications", name, {}, opts)
        scope = args.scope
        group = monitor.ActionGroup(
            f"{name}-people",
            action_group_name=scope.name("azure-monitor"),
            group_short_name=scope.project[:_SHORT_NAME],
            resource_group_name=args.resource_group,
            # Action groups belong to no region, so that they tell when one is down.
            location="Global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=email, email_address=email, use_common_alert_schema=True
                )
                for email in args.emails
            ],
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
        )
        self.id = group.id
        self.name = group.name
        self.action_group = group.id
        self.register_outputs({"name": self.name, "action_group": self.action_group})


@dataclass(frozen=True, kw_only=True)
class AzureMonitoringArgs:
    """What the monitoring of an endpoint is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace_id: Resource id of the workspace of Azure ML, whose failed runs are told.
        watch: What is watched.
        action_group: Resource id of the action group that is told.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace_id: pulumi.Input[str]
    watch: Watch
    action_group: pulumi.Input[str]
    part: str | None = None


class AzureMonitoring(pulumi.ComponentResource):
    """Alert rules of an endpoint and of failed training runs, and a workbook."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    rule_names: pulumi.Output[Sequence[str]]

    def __init__(
        self, name: str, args: AzureMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureMonitoring", name, {}, opts)
        scope = args.scope
        parts = [] if args.part is None else [args.part]
        title = scope.name("azure-monitor", *parts)
        rules: list[monitor.MetricAlert | monitor.ScheduledQueryRule] = [
            alarm.declare(
                f"{name}-{alarm.part}",
                args.watch.endpoint,
                scope=scope,
                resource_group=args.resource_group,
                rule_name=scope.name("azure-monitor", *parts, alarm.part),
                action_group=args.action_group,
                parent=self,
            )
            for alarm in args.watch.alarms
        ]
        rules.append(self._failed_training(name, args, parts))
        workbook = applicationinsights.Workbook(
            f"{name}-workbook",
            # Workbooks are named by a GUID: the same one for the same stack.
            resource_name_=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope.account}/{title}")),
            resource_group_name=args.resource_group,
            location=scope.region,
            kind="shared",
            category="workbook",
            display_name=title,
            description=f"What {scope.project}/{scope.stack} serves",
            version=_WORKBOOK,
            source_id=args.watch.endpoint.endpoint_id,
            serialized_data=_workbook(title, args.watch.endpoint),
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
        )
        self.id = workbook.id
        self.name = pulumi.Output.from_input(title)
        self.rule_names = pulumi.Output.all(*[rule.name for rule in rules]).apply(
            lambda names: [str(rule) for rule in names]
        )
        self.register_outputs({"name": self.name, "rule_names": self.rule_names})

    def _failed_training(
        self, name: str, args: AzureMonitoringArgs, parts: Sequence[str]
    ) -> monitor.MetricAlert:
        """Declare an alert on failed runs of the workspace, whoever started them."""
        alarm = Alarm(
            part="failed-training",
            description="A training run failed. `mlcloud logs --training` shows what the trainer said.",
            metric=FAILED_RUNS,
            threshold=0,
        )
        return alarm.declare(
            f"{name}-{alarm.part}",
            Workspace(workspace_id=args.workspace_id),
            scope=args.scope,
            resource_group=args.resource_group,
            rule_name=args.scope.name("azure-monitor", *parts, alarm.part),
            action_group=args.action_group,
            parent=self,
        )


def _workbook(title: str, endpoint: Endpoint) -> pulumi.Output[str]:
    """One graph for each metric that this endpoint publishes, in the order of the table."""
    metrics = metrics_of(endpoint)

    def written(ids: list[str]) -> str:
        tiles = [_tile(metric, resource) for metric, resource in zip(metrics, ids, strict=True)]
        text = {"type": 1, "name": "title", "content": {"json": f"# {title}"}}
        return json.dumps({"version": _WORKBOOK, "items": [text, *tiles]}, sort_keys=True)

    return pulumi.Output.all(*[metric.resource_id(endpoint) for metric in metrics]).apply(written)


def _tile(metric: Metric[Any], resource_id: str) -> dict[str, Any]:
    """A graph of a workbook (https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-data-sources)."""
    # Aggregations by their number: 1 total, 2 minimum, 3 maximum, 4 average, 7 count.
    aggregation = {"Total": 1, "Minimum": 2, "Maximum": 3, "Average": 4, "Count": 7}[metric.aggregation]
    namespace = metric.namespace.lower()
    return {
        "type": 10,
        "name": metric.name,
        "customWidth": "33",
        "content": {
            "version": "MetricsItem/2.0",
            "chartType": 2,
            "metricScope": 0,
            "resourceType": namespace,
            "resourceIds": [resource_id],
            "timeContext": {"durationMs": 86_400_000},
            "title": f"{metric.name} ({metric.unit})",
            "metrics": [
                {
                    "namespace": namespace,
                    "metric": f"{namespace}--{metric.name}",
                    "aggregation": aggregation,
                }
            ],
        },
    }
