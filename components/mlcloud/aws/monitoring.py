"""Monitoring on AWS: who hears of alarms, what raises them, and a dashboard of what an endpoint publishes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_aws import cloudwatch, sns

from mlcloud.aws.alarms import Alarm
from mlcloud.aws.arns import arn
from mlcloud.aws.logs import declare_log_group, retention_problem
from mlcloud.aws.metrics import MATCHED_EVENTS, Endpoint, EventRule, metrics_of
from mlcloud.aws.policies import Statement, document, of_this_account
from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.aws.watches import Watch
from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_WIDGETS_IN_A_ROW: Final = 3
_WIDGET_WIDTH: Final = 8
_WIDGET_HEIGHT: Final = 6
# An alarm of at most a day (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html).
_QUIET_HOURS_MAX: Final = 24


@dataclass(frozen=True, kw_only=True)
class AwsNotificationsArgs:
    """Who hears of a stack's alarms and budget.

    Attributes:
        scope: Whose it is and where.
        key_arn: Key of the topic; its policy lets CloudWatch and Budgets use it. AWS's own key would not.
        emails: Addresses that are told; each must confirm once. Default: nobody.
    """

    scope: Scope
    key_arn: pulumi.Input[str]
    emails: Sequence[str] = ()


class AwsNotifications(pulumi.ComponentResource):
    """A topic that alarms and budgets of this account may write to, and nobody else."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    topic_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: AwsNotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AwsNotifications", name, {}, opts)
        scope = args.scope
        options = child_options(self, environment=scope.environment)
        topic = sns.Topic(
            f"{name}-topic",
            name=scope.name("aws-sns-topic"),
            kms_master_key_id=args.key_arn,
            tags=scope.tags,
            opts=options,
        )
        publishers = {
            "cloudwatch.amazonaws.com": arn(scope, "cloudwatch", "alarm:*"),
            "budgets.amazonaws.com": arn(scope, "budgets", "*", regional=False),
        }
        policy = sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=document(
                *(
                    Statement(
                        sid=service.split(".")[0].capitalize(),
                        principal={"Service": service},
                        actions=["sns:Publish"],
                        resources=[topic.arn],
                        condition=of_this_account(scope, source),
                    )
                    for service, source in publishers.items()
                )
            ),
            opts=options,
        )
        for email in args.emails:
            sns.TopicSubscription(
                f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=options
            )
        self.id = topic.id
        self.name = topic.name
        self.topic_arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda known: str(known[0]))
        self.register_outputs({"topic_arn": self.topic_arn})


@dataclass(frozen=True, kw_only=True)
class AwsMonitoringArgs:
    """What the monitoring of an endpoint is made from.

    Attributes:
        scope: Whose it is and where.
        watch: What is watched, by the endpoint's kind.
        topic_arn: Where alarms are told.
        key_arn: Key of the log of failed training runs. Default: CloudWatch's own encryption.
        log_retention_days: How long that log is kept, one of CloudWatch's numbers of days. Default 365.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
    """

    scope: Scope
    watch: Watch
    topic_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None = None
    log_retention_days: int = 365
    part: str | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        hours = self.watch.quiet_hours
        too_long = hours is not None and not 1 <= hours <= _QUIET_HOURS_MAX
        validate(
            "The monitoring",
            retention_problem("log_retention_days", self.log_retention_days),
            Problem(
                path="watch.quiet_hours",
                value=hours,
                allowed=f"1 to {_QUIET_HOURS_MAX}: CloudWatch looks back a day at most",
                fix=f"write {_QUIET_HOURS_MAX}",
            )
            if too_long
            else None,
        )


class AwsMonitoring(pulumi.ComponentResource):
    """Alarms of an endpoint and of failed training runs, and a dashboard."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    alarm_names: pulumi.Output[Sequence[str]]

    def __init__(
        self, name: str, args: AwsMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AwsMonitoring", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        parts = [] if args.part is None else [args.part]
        alarms = [
            alarm.declare(
                f"{name}-{alarm.part}",
                args.watch.endpoint,
                scope=scope,
                alarm_name=scope.name("aws-cloudwatch-alarm", *parts, alarm.part),
                actions=[args.topic_arn],
                parent=self,
            )
            for alarm in args.watch.alarms
        ]
        alarms.append(self._failed_training(name, args))
        dashboard = cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=scope.name("aws-sagemaker", *parts),
            dashboard_body=pulumi.Output.json_dumps(_dashboard(scope, args.watch.endpoint), sort_keys=True),
            opts=self._options,
        )
        self.id = dashboard.id
        self.name = dashboard.dashboard_name
        self.alarm_names = pulumi.Output.all(*[alarm.name for alarm in alarms]).apply(
            lambda names: [str(alarm_name) for alarm_name in names]
        )
        self.register_outputs({"name": self.name, "alarm_names": self.alarm_names})

    def _failed_training(self, name: str, args: AwsMonitoringArgs) -> cloudwatch.MetricAlarm:
        """Declare an alarm on failed runs, whoever started them, and a log of the reasons.

        https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
        """
        scope = args.scope
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Training Job State Change"],
            "detail": {
                "TrainingJobStatus": ["Failed"],
                "TrainingJobName": [{"prefix": sagemaker_prefix(scope)}],
            },
        }
        rule = cloudwatch.EventRule(
            f"{name}-failed-training",
            name=sagemaker_prefix(scope, *_parts(args), "failed-training"),
            description="A training run of the stack failed",
            event_pattern=json.dumps(pattern, sort_keys=True),
            tags=scope.tags,
            opts=self._options,
        )
        log_group = declare_log_group(
            f"{name}-failed-training-logs",
            name=f"/aws/events/{sagemaker_prefix(scope, *_parts(args), 'failed-training')}",
            scope=scope,
            retention_days=args.log_retention_days,
            key_arn=args.key_arn,
            parent=self,
        )
        policy = self._let_events_write(name, scope, rule, log_group)
        cloudwatch.EventTarget(
            f"{name}-failed-training-target",
            rule=rule.name,
            arn=log_group.arn,
            opts=pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=[policy])),
        )
        return Alarm(
            part="failed-training",
            description="A training run failed. The event with the reason lies in the log group "
            "/aws/events/...; `mlcloud logs --source training` shows what the trainer said.",
            metric=MATCHED_EVENTS,
            threshold=1,
            comparison="at-least",
            period_s=300,
            periods=1,
        ).declare(
            f"{name}-failed-training-alarm",
            EventRule(rule_name=rule.name),
            scope=scope,
            alarm_name=scope.name("aws-cloudwatch-alarm", *_parts(args), "failed-training"),
            actions=[args.topic_arn],
            parent=self,
        )

    def _let_events_write(
        self,
        name: str,
        scope: Scope,
        rule: cloudwatch.EventRule,
        log_group: cloudwatch.LogGroup,
    ) -> cloudwatch.LogResourcePolicy:
        """Let EventBridge write, for this rule alone.

        As https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html has it; an
        account has ten such policies in a region.
        """
        services = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
        return cloudwatch.LogResourcePolicy(
            f"{name}-failed-training-writes",
            policy_name=scope.name("aws-sagemaker", "failed-training"),
            policy_document=document(
                Statement(
                    sid="Streams",
                    principal={"Service": services},
                    actions=["logs:CreateLogStream"],
                    resources=[pulumi.Output.concat(log_group.arn, ":*")],
                ),
                Statement(
                    sid="Events",
                    principal={"Service": services},
                    actions=["logs:PutLogEvents"],
                    resources=[pulumi.Output.concat(log_group.arn, ":*:*")],
                    condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
                ),
            ),
            opts=self._options,
        )


def _parts(args: AwsMonitoringArgs) -> list[str]:
    return [] if args.part is None else [args.part]


def _dashboard(scope: Scope, endpoint: Endpoint) -> Any:
    """One graph for each metric that this kind of endpoint publishes, in the order of the table."""
    widgets: list[dict[str, Any]] = []
    for index, metric in enumerate(metrics_of(endpoint)):
        row, column = divmod(index, _WIDGETS_IN_A_ROW)
        dimensions = [part for pair in metric.dimensions(endpoint).items() for part in pair]
        widgets.append(
            {
                "type": "metric",
                "x": column * _WIDGET_WIDTH,
                "y": row * _WIDGET_HEIGHT,
                "width": _WIDGET_WIDTH,
                "height": _WIDGET_HEIGHT,
                "properties": {
                    "title": f"{metric.name} ({metric.unit})",
                    "region": scope.region,
                    "stat": metric.statistic,
                    "period": 60,
                    "metrics": [[metric.namespace, metric.name, *dimensions]],
                },
            }
        )
    return {"widgets": widgets}
