"""The lines of a job in its run history, as they come.

Run history is a service of the workspace's own region; the job tells where (`services.Tracking`). It gives
the job's times, its error, and the signed addresses of its log files
(https://learn.microsoft.com/azure/machine-learning/how-to-understand-job-log-files: what the job writes is in
`user_logs/std_log.txt`, or, of several processes, in one file each).
"""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from mlcloud.provider.azure.addresses import MACHINE_LEARNING, STORAGE
from mlcloud.provider.azure.clients import AzureError, Clients
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.resource import Context
from mlcloud.provider.training import show_line

_FOLDER: Final = "user_logs/"
# The first version of Blob Storage's API that takes Entra tokens is 2017-11-09.
_STORAGE_VERSION: Final = {"x-ms-version": "2021-12-02"}
_PAST_THE_END: Final = 416
_PART: Final = 206


def details(clients: Clients, job: Mapping[str, Any]) -> dict[str, Any]:
    """What run history knows of a job; empty where the job does not tell where it is, or is not known yet.

    Raises:
        AzureError: it may not be read.
    """
    tracking = address_of(job, "Tracking")
    if not tracking:
        return {}
    workspace = str(job["id"]).rsplit("/jobs/", 1)[0]
    address = f"https://{urlsplit(tracking).netloc}/history/v1.0{workspace}/runs/{job['name']}/details"
    try:
        return clients.get(address, version=None, scope=MACHINE_LEARNING)
    except AzureError as error:
        if error.is_missing:
            return {}
        raise


def address_of(job: Mapping[str, Any], service: str) -> str:
    """Where one of a job's services is (`JobService`); empty where it does not tell."""
    services = cast("dict[str, dict[str, Any]]", job["properties"].get("services") or {})
    return str(services.get(service, {}).get("endpoint") or "")


def file_of(clients: Clients, job: Mapping[str, Any]) -> str | None:
    """The address of the file with a job's lines; None as long as there is none."""
    files = cast("dict[str, str]", details(clients, job).get("logFiles") or {})
    # The first process is the one that trains.
    name = min((name for name in files if name.startswith(_FOLDER)), default=None)
    return None if name is None else files[name]


def read_from(clients: Clients, address: str, start_bytes: int) -> bytes:
    """What a file has from a byte on; a signed address takes no token besides."""
    headers = {"Range": f"bytes={start_bytes}-"} if start_bytes else {}
    signed = "sig" in parse_qs(urlsplit(address).query)
    if not signed:
        headers |= _STORAGE_VERSION
    try:
        answer = clients.ask(address, version=None, scope=None if signed else STORAGE, headers=headers)
    except AzureError as error:
        # A file is told of before its first line is there.
        if error.status == _PAST_THE_END or error.is_missing:
            return b""
        raise
    # A server that knows no ranges sends all of it again.
    return answer.content if answer.status == _PART else answer.content[start_bytes:]


class LogLines:
    """Shows the trainer's lines; that they cannot be read stops nothing."""

    def __init__(self, context: Context, clients: Clients) -> None:
        self._context = context
        self._clients = clients
        self._file = ""
        self._seen_bytes = 0
        self._begun = b""
        self._readable = True

    def show(self, job: Mapping[str, Any], *, ended: bool) -> None:
        """Show what is new: whole lines, and all of it when the job has ended."""
        if not self._readable:
            return
        try:
            for line in self._lines(job, ended=ended):
                show_line(self._context, line)
        except ResourceError as error:
            self._readable = False
            self._context.log(f"The training's log is not shown: {error}", severity="warning")

    def _lines(self, job: Mapping[str, Any], *, ended: bool) -> list[str]:
        address = file_of(self._clients, job)
        if address is None:
            return []
        # Another process's file is told of first where that process is the first to write.
        file = address.partition("?")[0]
        if file != self._file:
            self._file, self._seen_bytes, self._begun = file, 0, b""
        new = read_from(self._clients, address, self._seen_bytes)
        self._seen_bytes += len(new)
        *whole, self._begun = (self._begun + new).split(b"\n")
        if ended:
            whole.append(self._begun)
        return [line.decode(errors="replace") for line in whole]
