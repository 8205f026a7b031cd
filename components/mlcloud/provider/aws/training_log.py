"""What a job wrote to CloudWatch: shown while it trains, and its last words where it failed."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.log_lines import event_of, message_of
from mlcloud.provider.resource import Context
from mlcloud.provider.training import show_line

_LAST_EVENTS: Final = 100
_LAST_LINES: Final = 5
_ERRORS: Final = ("error", "critical")


class JobLog:
    """The log of one job."""

    def __init__(
        self, context: Context, clients: Clients, group: str, streams: Callable[[], Sequence[str]]
    ) -> None:
        """Take the group's name and what names the job's streams in it, as they are at the time."""
        self._context = context
        self._clients = clients
        self._group = group
        self._streams = streams
        self._tokens: dict[str, str] = {}
        self._readable = True

    def show(self) -> None:
        """Show each line once, what is new; that the log cannot be read stops nothing."""
        if not self._readable:
            return
        try:
            for stream in self._streams():
                self._show_stream(stream)
        except AwsError as error:
            if error.is_missing:
                return
            self._readable = False
            self._context.log(f"The training's log is not shown: {error}", severity="warning")

    def last_words(self) -> str:
        """The lines that are marked as errors, or else the last ones; empty where there are none.

        The job has failed anyway: a log that cannot be read, or is not there yet, takes nothing from the
        reason.
        """
        try:
            lines = [line for stream in self._streams() for line in self._last_lines(stream)]
        except ResourceError:
            return ""
        errors = [line for line in lines if str((event_of(line) or {}).get("level", "")).lower() in _ERRORS]
        told = [text for text in map(message_of, (errors or lines)[-_LAST_LINES:]) if text]
        return "\n".join(told)

    def _show_stream(self, stream: str) -> None:
        while True:
            token = self._tokens.get(stream)
            answer = self._clients.call(
                "logs",
                "get_log_events",
                logGroupName=self._group,
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

    def _last_lines(self, stream: str) -> list[str]:
        answer = self._clients.call(
            "logs",
            "get_log_events",
            logGroupName=self._group,
            logStreamName=stream,
            startFromHead=False,
            limit=_LAST_EVENTS,
        )
        return [str(event["message"]).strip() for event in cast("list[dict[str, Any]]", answer["events"])]
