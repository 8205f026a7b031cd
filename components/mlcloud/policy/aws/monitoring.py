"""Controls of logs, alarms and who hears of them."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.aws.documents import Statement, of_statements
from mlcloud.policy.control import Control
from mlcloud.policy.judging import at_least, each, expect, is_given, is_one_of, problem

LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_TOPIC: Final = "aws:sns/topic:Topic"
_RETENTION_DAYS: Final = 365
_PUBLISHERS: Final = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")


def _known_publishers(statement: Statement) -> Iterator[Problem]:
    if not statement.allows:
        return
    for _, name in statement.principals:
        if name not in _PUBLISHERS:
            allowed = " or ".join(_PUBLISHERS)
            yield problem(statement.path, name, allowed, "let nobody else write to the topic")
        elif not statement.of_one_account:
            allowed = "a condition on `aws:SourceAccount` or `aws:SourceArn`"
            yield problem(statement.path, name, allowed, "say for whose alarms the service may write")


CONTROLS: Final = (
    Control(
        id="monitoring-log-retention",
        sources=["CloudWatch.16", "CKV_AWS_66", "CKV_AWS_338"],
        title="Logs are kept for a year",
        severity="medium",
        why="A break-in is often noticed after months.",
        types=[LOG_GROUP],
        judge=expect("retentionInDays", at_least(_RETENTION_DAYS), f"{_RETENTION_DAYS} or more"),
    ),
    Control(
        id="monitoring-log-key",
        sources=["CKV_AWS_158"],
        title="Logs are encrypted with a key of one's own",
        severity="medium",
        why="Logs tell what people asked, and what went wrong.",
        types=[LOG_GROUP],
        judge=expect("kmsKeyId", is_given, "the ARN of a key of one's own"),
    ),
    Control(
        id="monitoring-alarms",
        sources=["CloudWatch.15", "CloudWatch.17", "CKV_AWS_319"],
        title="An alarm tells somebody, and says what missing values mean",
        severity="high",
        why="An alarm that nobody hears, or that is silent because nothing arrives, is none.",
        types=[_ALARM],
        judge=each(
            expect("alarmActions[*]", is_given, "somebody who is told"),
            # On is CloudWatch's default.
            expect("actionsEnabled", lambda value: value in (ABSENT, True, "true"), "true"),
            expect("treatMissingData", is_one_of("notBreaching", "breaching", "ignore"), "what it means"),
        ),
    ),
    Control(
        id="monitoring-topic-key",
        sources=["SNS.1", "CKV_AWS_26"],
        title="Topics are encrypted with a key that alarms can use",
        severity="high",
        why="With AWS's own key CloudWatch cannot write: alarms are told to nobody, and nothing says so.",
        types=[_TOPIC],
        # https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
        judge=expect(
            "kmsMasterKeyId",
            lambda value: is_given(value) and value != "alias/aws/sns",
            "a key of one's own whose policy lets CloudWatch in; not `alias/aws/sns`",
        ),
    ),
    Control(
        id="monitoring-topic-policy",
        sources=["SNS.4", "CKV_AWS_169", "CKV_AWS_385"],
        title="Only this account's alarms and budgets write to a topic",
        severity="high",
        why="Whoever can write to it can send people anything.",
        types=["aws:sns/topicPolicy:TopicPolicy"],
        judge=of_statements("policy", _known_publishers),
    ),
)
