"""A client that sends predictions at a fixed rate, whatever the answers do: `python -m support.open_loop`.

It is a process of its own, so that a test's work does not slow it. Requests are due at fixed times; one that
is sent late, because the machine was busy, is sent all the same, and its latency counts from when it was due.
Each takes a connection of its own. A request whose connection is lost before an answer is asked once more, if
so asked, as any client of an idempotent request does, and is counted apart.
"""

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from support.waiting import LIMIT_S, eventually

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request and what came of it; times are monotonic seconds, the same for all processes.

    Attributes:
        due: when it was to be sent.
        sent: when it was sent first.
        done: when its answer was there.
        version: the version that answered with 200; empty when none did.
        failure: why none did; empty when one did.
        interrupted: it was asked twice: the first connection was lost before an answer.
    """

    due: float
    sent: float
    done: float
    version: str
    failure: str
    interrupted: bool


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a client has seen in all, in milliseconds where no unit is named."""

    rate_per_s: float
    sent: int
    answered: int
    failed: int
    interrupted: int
    held_per_s: float
    latest_ms: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, requests: Sequence[Request], rate_per_s: float) -> "Figures":
        waits = sorted(1000 * (one.done - one.due) for one in requests)
        took_s = max(one.sent for one in requests) - min(one.due for one in requests)
        return cls(
            rate_per_s=rate_per_s,
            sent=len(requests),
            answered=sum(not one.failure for one in requests),
            failed=sum(bool(one.failure) for one in requests),
            interrupted=sum(one.interrupted for one in requests),
            held_per_s=(len(requests) - 1) / took_s,
            latest_ms=max(1000 * (one.sent - one.due) for one in requests),
            p50_ms=waits[len(waits) // 2],
            p99_ms=waits[len(waits) * 99 // 100],
        )

    def __str__(self) -> str:
        held = f"{self.held_per_s:.0f}/s of {self.rate_per_s:g}/s"
        late = "" if self.latest_ms < 1000 else " (the machine was busy: the client did not keep its times)"
        return (
            f"{self.sent} sent at {held}, {self.answered} answered, {self.failed} failed, "
            f"{self.interrupted} interrupted and asked again; p50 {self.p50_ms:.1f} ms, "
            f"p99 {self.p99_ms:.1f} ms, sent at most {self.latest_ms:.0f} ms after it was due{late}"
        )


class OpenLoop:
    """A running client, seen from the test."""

    def __init__(self, records: Path, rate_per_s: float, process: "subprocess.Popen[str]") -> None:
        self.rate_per_s = rate_per_s
        self._records = records
        self._process = process

    def sent(self) -> int:
        """How many requests have come to an end so far."""
        with self._records.open("rb") as stream:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests have come to an end."""
        wanted = self.sent() + more
        eventually(lambda: self.sent() >= wanted, LIMIT_S + more / self.rate_per_s)

    def requests(self) -> list[Request]:
        """All of them, in the order in which they were due."""
        with self._records.open(encoding="utf-8") as stream:
            return sorted((Request(**json.loads(line)) for line in stream), key=lambda one: one.due)

    def stop(self) -> None:
        """Send no more, and wait for the answers that are due."""
        assert self._process.poll() is None, "the client ended by itself"
        self._process.communicate("", timeout=2 * LIMIT_S)
        assert self._process.returncode == 0


@contextmanager
def open_loop(url: str, body: object, rate_per_s: float, records: Path, *, retry: bool) -> Iterator[OpenLoop]:
    """Send predictions to an endpoint; what is left of the client in the end is killed.

    Args:
        url: the endpoint's.
        body: of each request, as JSON.
        rate_per_s: requests a second.
        records: a file for what came of each.
        retry: whether to ask once more where a connection is lost before an answer.
    """
    records.touch()
    arguments = [url, json.dumps(body), str(rate_per_s), str(records), str(int(retry))]
    process = subprocess.Popen(
        [sys.executable, "-m", "support.open_loop", *arguments],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        text=True,
    )
    try:
        yield OpenLoop(records, rate_per_s, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class _Client:
    def __init__(self, url: str, body: str, records: TextIO, *, retry: bool) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        head = f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        self._message = (
            f"{head}Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        self._records = records
        self._retry = retry

    async def run(self, rate_per_s: float, stop: asyncio.Event) -> None:
        began, count = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                due = began + count / rate_per_s
                if due > time.monotonic():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), due - time.monotonic())
                    continue
                tasks.create_task(self._ask(due))
                count += 1
                await asyncio.sleep(0)

    async def _ask(self, due: float) -> None:
        sent, interrupted = time.monotonic(), False
        version, failure = await self._answer()
        if failure.startswith("lost") and self._retry:
            interrupted = True
            version, failure = await self._answer()
        done = time.monotonic()
        record = Request(
            due=due, sent=sent, done=done, version=version, failure=failure, interrupted=interrupted
        )
        self._records.write(json.dumps(vars(record)) + "\n")
        self._records.flush()

    async def _answer(self) -> tuple[str, str]:
        """The version that answered, or why none did."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return _read(await self._exchange())
        except TimeoutError:
            return "", f"no answer within {LIMIT_S:g} s"
        except OSError as error:
            return "", f"lost: {error}"

    async def _exchange(self) -> bytes:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(self._message)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _read(answer: bytes) -> tuple[str, str]:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return "", f"lost: {len(answer)} bytes of an answer"
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if int(headers.get("content-length", -1)) != len(body):
        return "", f"lost: {len(body)} bytes of {headers.get('content-length')}"
    if status.split(" ")[1] != "200":
        return "", f"{status}: {body[:200].decode(errors='replace')}"
    return headers.get("x-model-version", ""), ""


async def _main(url: str, body: str, rate_per_s: str, records: str, retry: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # The end of standard input, or of whoever held its other end.
    loop.add_reader(sys.stdin.fileno(), stop.set)
    with Path(records).open("a", encoding="utf-8") as stream:
        await _Client(url, body, stream, retry=retry == "1").run(float(rate_per_s), stop)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
