"""Controls of logs, alerts and who hears of them."""

from typing import Final

from mlcloud.core.errors import ABSENT
from mlcloud.policy.control import Control
from mlcloud.policy.judging import at_least, each, expect, is_given

LOG_BUCKET: Final = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
_ALERT: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
_CHANNEL: Final = "gcp:monitoring/notificationChannel:NotificationChannel"
_RETENTION_DAYS: Final = 365

# On is the API's default.
_enabled = expect("enabled", lambda value: value in (ABSENT, True, "true"), "true")

CONTROLS: Final = (
    Control(
        id="monitoring-log-retention",
        sources=["own"],
        title="Logs are kept for a year",
        severity="medium",
        why="A break-in is often noticed after months.",
        types=[LOG_BUCKET],
        judge=expect("retentionDays", at_least(_RETENTION_DAYS), f"{_RETENTION_DAYS} or more"),
    ),
    Control(
        id="monitoring-log-key",
        sources=["gcp.restrictNonCmekServices"],
        title="Logs are encrypted with a key of one's own",
        severity="medium",
        why="Logs tell what people asked, and what went wrong.",
        types=[LOG_BUCKET],
        judge=expect("cmekSettings.kmsKeyName", is_given, "the name of a key of one's own"),
    ),
    Control(
        id="monitoring-alerts",
        sources=["own"],
        title="An alert tells somebody, and is on",
        severity="high",
        why="An alert that nobody hears is none.",
        types=[_ALERT],
        judge=each(expect("notificationChannels[*]", is_given, "somebody who is told"), _enabled),
    ),
    Control(
        id="monitoring-channels",
        sources=["own"],
        title="Who is told can be told",
        severity="high",
        why="Alerts go to a channel that is off, and nothing says so.",
        types=[_CHANNEL],
        judge=_enabled,
    ),
)
