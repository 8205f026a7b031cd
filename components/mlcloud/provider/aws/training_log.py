"""What a training job wrote to CloudWatch: shown while it trains, and its last words where it failed.

Streams are named `<job>/<host>-<time>` (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html).
"""

from typing import Any, Final, cast

from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.log_lines import event_of, message_of
from mlcloud.provider.resource import Context
from mlcloud.provider.training import show_line

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_LAST_EVENTS: Final = 100
_LAST_LINES: Final = 5
_ERRORS: Final = ("error", "critical")


def place(name: str) -> str:
    """A job's log streams: `<log group>:<prefix of the streams>`."""
    return f"{LOG_GROUP}:{name}/"


def last_words(clients: Clients, name: str) -> str:
    """The lines of a job that are marked as errors, or else its last ones; empty where there are none.

    The job has failed anyway: a log that cannot be read, or is not there yet, takes nothing from the reason.
    """
    try:
        lines = [line for stream in _streams(clients, name) for line in _last_lines(clients, stream)]
    except ResourceError:
        return ""
    errors = [line for line in lines if str((event_of(line) or {}).get("level", "")).lower() in _ERRORS]
    told = [text for text in map(message_of, (errors or lines)[-_LAST_LINES:]) if text]
    return "\n".join(told)


def _last_lines(clients: Clients, stream: str) -> list[str]:
    answer = clients.call(
        "logs",
        "get_log_events",
        logGroupName=LOG_GROUP,
        logStreamName=stream,
        startFromHead=False,
        limit=_LAST_EVENTS,
    )
    return [str(event["message"]).strip() for event in cast("list[dict[str, Any]]", answer["events"])]


def _streams(clients: Clients, name: str) -> list[str]:
    answer = clients.call(
        "logs", "describe_log_streams", logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/"
    )
    return [str(stream["logStreamName"]) for stream in answer["logStreams"]]


class LogLines:
    """Shows the trainer's lines from CloudWatch; that they cannot be read stops nothing."""

    def __init__(self, context: Context, clients: Clients, name: str) -> None:
        self._context = context
        self._clients = clients
        self._name = name
        self._tokens: dict[str, str] = {}
        self._readable = True

    def show(self) -> None:
        """Show what is new."""
        if not self._readable:
            return
        try:
            for stream in _streams(self._clients, self._name):
                self._show_stream(stream)
        except AwsError as error:
            if error.is_missing:
                return
            self._readable = False
            self._context.log(f"The training's log is not shown: {error}", severity="warning")

    def _show_stream(self, stream: str) -> None:
        while True:
            token = self._tokens.get(stream)
            answer = self._clients.call(
                "logs",
                "get_log_events",
                logGroupName=LOG_GROUP,
                logStreamName=stream,
                startFromHead=True,
                nextToken=token,
            )
            for event in answer["events"]:
                show_line(self._context, str(event["message"]).strip())
            # The same token again says that there is no more for now.
            if answer["nextForwardToken"] == token or not answer["events"]:
                self._tokens[stream] = answer["nextForwardToken"]
                return
            self._tokens[stream] = answer["nextForwardToken"]
