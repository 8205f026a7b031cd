"""A place for monitors: servers that tell real metrics, the state of an endpoint, and a fake clock."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
from mlcloud.provider.local.alarm_history import Change
from mlcloud.provider.local.alarms import Rule
from mlcloud.provider.local.monitor_sources import Endpoint, Generation, Server
from mlcloud.provider.local.monitor_watch import Watch
from mlcloud.provider.local.processes import ProcessRef
from mlcloud.provider.local.server_metrics import ServerMetrics
from mlcloud_trainer.serving.metrics import Metrics

from support.local_http import get, post
from support.processes import wait_for_end
from support.provider_plugin import Plugin
from support.waiting import eventually

MONITOR = "mlcloud:local:Monitor"
UNIX_S = 1_700_000_000.0


def told(metrics: Metrics) -> ServerMetrics:
    """What a monitor reads from a server: the look itself is in flight."""
    metrics.in_flight += 1
    found = ServerMetrics.of(metrics.render().decode())
    metrics.in_flight -= 1
    assert found is not None
    return found


def ready_metrics(capacity: int = 10) -> Metrics:
    metrics = Metrics()
    metrics.capacity = capacity
    metrics.ready = True
    return metrics


@dataclass
class Watching:
    """A watch with a clock of its own: each `step` is a second in which the servers may count."""

    rules: list[Rule]
    servers: dict[str, list[tuple[str, Metrics]]] = field(default_factory=dict)
    watch: Watch = field(default_factory=lambda: Watch(0.0, UNIX_S))
    now: float = 0.0
    failed_runs: int | None = None
    silent: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    is_there: bool = True
    deployed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch.configure(self.rules)

    def server(self, label: str = "v1", name: str = "a", **options: Any) -> Metrics:
        metrics = ready_metrics(**options)
        self.servers.setdefault(label, []).append((name, metrics))
        return metrics

    def endpoint(self) -> Endpoint:
        generations = tuple(
            Generation(
                label=label,
                sha256=label * 8,
                weight=100,
                log=f"/logs/{self.deployed.get(label, 1):04d}-{label}.log",
                servers=tuple(
                    Server(process=ProcessRef(pid=1, started=name), port=1, accepting=True, began=UNIX_S + 1)
                    for name, _ in servers
                ),
            )
            for label, servers in self.servers.items()
        )
        return Endpoint(supervised=True, port=8000, ready=1, replicas=1, error="", generations=generations)

    def step(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.now += 1
            answers = {
                f"1@{name}": told(metrics)
                for servers in self.servers.values()
                for name, metrics in servers
                if name not in self.silent
            }
            self.changes += self.watch.look(
                self.endpoint() if self.is_there else None,
                answers,
                self.failed_runs,
                now=self.now,
                wall=UNIX_S + self.now,
            )

    def alarm(self, name: str) -> dict[str, Any]:
        return next(alarm for alarm in self.watch.alarms() if alarm["name"] == name)

    def state(self, name: str, label: str | None = None) -> str:
        alarm = self.alarm(name)
        return alarm["state"] if label is None else alarm["versions"][label]["state"]


class TellingServer(ThreadingHTTPServer):
    """A server with the trainer's metrics: `GET /metrics`, and `POST /invocations`, which takes its time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.metrics = ready_metrics()
        self.slow_s = 0.0
        self.status = 200
        self.hangs = False
        self.released = threading.Event()
        self.looks = 0
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def end(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: TellingServer

    def do_GET(self) -> None:
        self.server.looks += 1
        if self.server.hangs:
            self.server.released.wait()
        self.server.metrics.in_flight += 1
        body = self.server.metrics.render()
        self.server.metrics.in_flight -= 1
        self._answer(200, body)

    def do_POST(self) -> None:
        began = time.perf_counter()
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.slow_s)
        self.server.metrics.observe("/invocations", self.server.status, time.perf_counter() - began)
        self._answer(self.server.status, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


@dataclass
class MonitorPlace:
    """A folder with an endpoint's state, runs, a registry and a monitor."""

    root: Path
    servers: dict[str, list[TellingServer]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.root / "monitor"

    def inputs(self, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "name": "watch",
            "directory": str(self.directory),
            "project": "houses",
            "stack": "dev",
            "endpointDirectory": str(self.root / "endpoint"),
            "runsDirectory": str(self.root / "runs"),
            "registryDirectory": str(self.root / "registry"),
            "rules": list(rules),
            **more,
        }

    def serve(self, label: str = "v1", weight: float = 100) -> TellingServer:
        server = TellingServer()
        self.servers.setdefault(label, []).append(server)
        self.weights[label] = weight
        self.write_state()
        return server

    def write_state(self, **changed: Any) -> None:
        """The endpoint's state, as its supervisor writes it."""
        me = ProcessRef.of(os.getpid())
        assert me is not None
        generations = [
            {
                "version": label,
                "sha256": "0" * 64,
                "weight": self.weights[label],
                "log": "",
                "servers": [
                    {
                        "process": {"pid": server.server_port, "started": "now"},
                        "private_port": server.server_port,
                        "accepting": True,
                        "began": time.time(),
                    }
                    for server in servers
                ],
            }
            for label, servers in self.servers.items()
        ]
        state = {
            "supervisor": asdict(me),
            "servers": [],
            "port": 8000,
            "version": next(iter(self.servers), ""),
            "sha256": "",
            "replicas": 1,
            "ready": 1,
            "answered": "",
            "error": "",
            "generations": generations,
            **changed,
        }
        path = self.root / "endpoint" / "state.json"
        path.parent.mkdir(exist_ok=True)
        new = path.with_name("new.json")
        new.write_text(json.dumps(state))
        new.replace(path)

    def process(self) -> psutil.Process:
        pid = json.loads((self.directory / "state.json").read_text())["process"]["pid"]
        return self.seen.setdefault(pid, psutil.Process(pid))

    def alarms(self) -> dict[str, dict[str, Any]]:
        found = json.loads((self.directory / "alarms.json").read_text())
        return {alarm["name"]: alarm for alarm in found["alarms"]}

    def history(self) -> list[dict[str, Any]]:
        path = self.directory / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_turn(self) -> None:
        """Wait until what was true at the call has been looked at."""
        begun = time.time()
        eventually(lambda: json.loads((self.directory / "alarms.json").read_text())["written"] > begun + 0.5)

    def wait_for(self, name: str, state: str) -> None:
        eventually(lambda: self.alarms()[name]["state"] == state)

    def clear(self, plugin: Plugin) -> None:
        """End what a test has left."""
        for server in (server for servers in self.servers.values() for server in servers):
            server.end()
        if (self.directory / "state.json").exists():
            self.process()
            mark = json.loads((self.directory / ".mlcloud").read_text())
            leftover = plugin.resource(MONITOR)
            leftover.id = f"{self.directory}#{mark['token']}"
            texts = ("name", "url", "alarms", "history", "status", "logs")
            leftover.outputs = {**dict.fromkeys(texts, ""), "port": 1.0, "directory": str(self.directory)}
            leftover.delete()
        wait_for_end(*self.seen.values())


@contextlib.contextmanager
def load_on(server: TellingServer, pause_s: float = 0.01) -> Iterator[None]:
    """Send requests to a server, one after the other, until the block ends."""
    ending = threading.Event()

    def send() -> None:
        while not ending.wait(pause_s):
            with contextlib.suppress(httpx.HTTPError):
                post(f"http://127.0.0.1:{server.server_port}/invocations", {})

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def page(outputs: dict[str, Any]) -> dict[str, Any]:
    """What the status page shows."""
    answer = get(f"{outputs['url']}status.json")
    assert answer.status_code == 200, answer.text
    return answer.json()
