"""A server without a model: the environment, sockets and signals of the real one, in milliseconds.

The model's file `model.skops` is a JSON object: `prediction` is what every row gets; `mode` is what happens:
`ok`, `refuse` (does not start), `hang` (never ready), `late` (ready after a while), `die` (ends when asked),
`short` (ends soon after it took connections), `ill` (not ready after that),
`killed` (as when memory runs out), `deaf` (does not answer its supervisor),
`single` (only the first server of the model starts).
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from mlcloud_trainer.serving.metrics import Metrics

MODEL_FOLDER = Path(urlsplit(os.environ["MLCLOUD_MODEL_URI"]).path)
MODEL = json.loads((MODEL_FOLDER / "model.skops").read_text())
STARTED = time.monotonic()
LATE_S = 10
SHORT_S = 0.3
SLOW_S = 0.4
# How a server behaves that was well until it had requests of users.
WITH_TRAFFIC = {"ill": "hang", "slows": "slow", "breaks": "fails"}
VERSION = os.environ["MLCLOUD_MODEL_VERSION"]


METRICS = Metrics()
METRICS.ready = True
COUNTING = threading.Lock()


@contextlib.contextmanager
def counted(status: int) -> Iterator[None]:
    """A request, as the real server counts it; its metrics are made for one thread."""
    began = time.monotonic()
    with COUNTING:
        METRICS.in_flight += 1
    try:
        yield
    finally:
        with COUNTING:
            METRICS.in_flight -= 1
            METRICS.observe("/invocations", status, time.monotonic() - began)


def metrics() -> bytes:
    with COUNTING:
        METRICS.in_flight += 1
        found = METRICS.render()
        METRICS.in_flight -= 1
    return found


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.send(200, metrics())
            return
        late = MODEL["mode"] == "late" and time.monotonic() < STARTED + LATE_S
        self.answer(503 if MODEL["mode"] == "hang" or late else 200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "begun" in request:
            Path(request["begun"]).touch()
        status = 500 if MODEL["mode"] == "fails" else 200
        with counted(status):
            time.sleep(SLOW_S if MODEL["mode"] == "slow" else request.get("sleep_s", 0))
        row = {"prediction": MODEL["prediction"], "probabilities": None}
        self.answer(status, {"predictions": [row for _ in request["instances"]]})
        if MODEL["mode"] == "die" and request.get("kill"):
            os._exit(9)

    def answer(self, status: int, content: object) -> None:
        self.send(status, json.dumps(content).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-model-version", VERSION)
        self.send_header("x-pid", str(os.getpid()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        sys.stderr.write(json.dumps({"level": "info", "message": format % args}) + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def serve(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


def change_with_traffic() -> None:
    if MODEL["mode"] == "short":
        threading.Timer(SHORT_S, os._exit, [9]).start()
    elif MODEL["mode"] in WITH_TRAFFIC:
        MODEL["mode"] = WITH_TRAFFIC[MODEL["mode"]]


class Public:
    """The public socket, and the connections that a supervisor hands over instead."""

    def __init__(self) -> None:
        self.server = Server(socket.socket(fileno=int(os.environ["MLCLOUD_LISTEN_FD"])))
        self.channel = socket.socket(fileno=int(os.environ["MLCLOUD_HANDOFF_FD"]))
        self.changing = threading.Lock()
        self.taking = self.has_taken = False
        threading.Thread(target=self.read, daemon=True).start()

    def take_over(self) -> None:
        with self.changing:
            if not self.taking:
                self.taking = self.has_taken = True
                self.server.serve()
                change_with_traffic()

    def hold(self) -> None:
        with self.changing:
            if self.taking:
                self.server.shutdown()
            self.taking = False

    def read(self) -> None:
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self.channel, 1, 1)
            except OSError:
                message, descriptors = b"", []
            for descriptor in descriptors:
                self.server.process_request(socket.socket(fileno=descriptor), ("127.0.0.1", 0))
                change_with_traffic()
            if not message:
                break
            if message == b"h" and not descriptors:
                self.hold()
                if MODEL["mode"] != "deaf":
                    self.channel.send(b"h")
        if self.has_taken and not self.ending:
            self.take_over()

    ending = False

    def close(self) -> None:
        self.ending = True
        self.hold()
        # Whatever was handed over before now is taken by the thread that reads.
        while select.select([self.channel], [], [], 0.1)[0] and self.channel.recv(1, socket.MSG_PEEK):
            time.sleep(0.01)
        self.server.server_close()


def must_not_start() -> bool:
    if MODEL["mode"] != "single":
        return MODEL["mode"] == "refuse"
    first = MODEL_FOLDER.with_suffix(".started")
    if first.exists():
        return True
    first.touch()
    return False


def main() -> int:
    if must_not_start():
        sys.stderr.write(
            json.dumps({"level": "error", "message": "The model has a type that is not allowed."}) + "\n"
        )
        sys.stderr.write("more text\n")
        return 1
    if MODEL["mode"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    private = Server(socket.socket(fileno=int(os.environ["MLCLOUD_PRIVATE_FD"])))
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1, signal.SIGTERM))
    public = Public()
    private.serve()
    while signal.sigwait((signal.SIGUSR1, signal.SIGTERM)) == signal.SIGUSR1:
        public.take_over()
    public.close()
    private.shutdown()
    private.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
