"""A place for endpoints: models, inputs, the processes that were seen there, and requests to them."""

import contextlib
import http.client
import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from mlcloud.provider.local.files import write_json

from support.local_http import post
from support.processes import has_ended, wait_for_end
from support.provider_models import Model, make_model
from support.provider_plugin import Plugin, RefusedError
from support.waiting import LIMIT_S

ENDPOINT = "mlcloud:local:Endpoint"
FAKE_SERVER = Path(__file__).parent / "provider_fake_server.py"


@dataclass
class EndpointPlace:
    """A folder for endpoints and their models, and the processes that were seen there."""

    root: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def model(self, prediction: object, **options: Any) -> Model:
        return make_model(self.root / "bucket", prediction, **options)

    def inputs(self, model: Model, **more: Any) -> dict[str, Any]:
        return {
            "name": "tumours",
            "directory": str(self.root / "endpoint"),
            "modelUri": model.uri,
            "modelSha256": model.sha256,
            "command": [sys.executable, str(FAKE_SERVER)],
            "startTimeoutS": LIMIT_S,
            "waitS": 0.0,
            **more,
        }

    def state(self) -> dict[str, Any]:
        content = json.loads((self.root / "endpoint" / "state.json").read_text())
        for ref in (content["supervisor"], *content["servers"]):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.seen.setdefault(ref["pid"], psutil.Process(ref["pid"]))
        return content

    def weights(self) -> dict[str, int]:
        """The share of each version that has servers."""
        return {one["version"]: one["weight"] for one in self.state()["generations"]}

    def write_alarms(
        self,
        version: str,
        state: str,
        *,
        metric: str = "latency_p99_ms",
        written: float | None = None,
        since: float = 1.0,
    ) -> Path:
        """The monitor's file, as far as a rollout reads it: one alarm, of one version."""
        alarm = {
            "name": "latency-p99",
            "metric": metric,
            "unit": "ms",
            "threshold": 250,
            "state": "ok",
            "versions": {version: {"state": state, "value": 812.5, "since": since}},
        }
        path = self.root / "alarms.json"
        write_json(path, {"written": time.time() if written is None else written, "alarms": [alarm]})
        return path

    def supervisor(self) -> psutil.Process:
        return self.seen[self.state()["supervisor"]["pid"]]

    def servers(self) -> list[psutil.Process]:
        """Those that run: one that has ended may still be in the state for a moment."""
        pids = [ref["pid"] for ref in self.state()["servers"]]
        return [self.seen[pid] for pid in pids if pid in self.seen and not has_ended(self.seen[pid])]

    def clear(self, plugin: Plugin) -> None:
        """End what a test has left, and see that everything has ended."""
        leftover = plugin.resource(ENDPOINT)
        directory = str(self.root / "endpoint")
        if Path(directory).exists():
            self.state()
            mark = json.loads((self.root / "endpoint" / ".mlcloud").read_text())
            leftover.id = f"{directory}#{mark['token']}"
            leftover.outputs = {
                **dict.fromkeys(
                    ("name", "url", "modelUri", "modelSha256", "modelVersion", "status", "logs"), ""
                ),
                **{"port": 1.0, "replicas": 1.0, "directory": directory, "drainTimeoutS": 1.0},
            }
            leftover.delete()
        wait_for_end(*self.seen.values())


def ask(outputs: dict[str, Any], **request: Any) -> httpx.Response:
    return post(f"{outputs['url']}/invocations", {"instances": [{"a": 1}], **request})


def tally(outputs: dict[str, Any], count: int, header: str = "x-model-version") -> Counter[str]:
    """Who answers so many requests, each on a connection of its own."""
    seen: Counter[str] = Counter()
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", int(outputs["port"]), timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.request("POST", "/invocations", b'{"instances": [{"a": 1}]}')
            answer = connection.getresponse()
            assert answer.status == 200
            seen[answer.headers[header]] += 1
    return seen


def predicted(outputs: dict[str, Any]) -> object:
    answer = ask(outputs)
    assert answer.status_code == 200
    return answer.json()["predictions"][0]["prediction"]


def in_background(work: Callable[[], object]) -> tuple[threading.Thread, list[str]]:
    errors: list[str] = []

    def run() -> None:
        try:
            work()
        except RefusedError as error:
            errors.append(error.message)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def free_port() -> int:
    """A port that the system gives to nobody by itself (its own begin at 32768), so that it stays free."""
    numbers = random.Random(os.getpid()).sample(range(20_000, 32_000), 200)  # noqa: S311 - no secret
    return next(number for number in numbers if is_free(number))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
