"""A server without a model: the environment, sockets and signals of the real one, in milliseconds.

The model's file `model.skops` is a JSON object: `prediction` is what every row gets; `mode` is what happens:
`ok`, `refuse` (does not start), `hang` (never ready), `late` (ready after a second), `die` (ends when asked).
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

MODEL = json.loads((Path(urlsplit(os.environ["MLCLOUD_MODEL_URI"]).path) / "model.skops").read_text())
STARTED = time.monotonic()
LATE_S = 10
VERSION = os.environ["MLCLOUD_MODEL_VERSION"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        late = MODEL["mode"] == "late" and time.monotonic() < STARTED + LATE_S
        self.answer(503 if MODEL["mode"] == "hang" or late else 200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "begun" in request:
            Path(request["begun"]).touch()
        time.sleep(request.get("sleep_s", 0))
        row = {"prediction": MODEL["prediction"], "probabilities": None}
        self.answer(200, {"predictions": [row for _ in request["instances"]]})
        if MODEL["mode"] == "die" and request.get("kill"):
            os._exit(9)

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-model-version", VERSION)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        sys.stderr.write(json.dumps({"level": "info", "message": format % args}) + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, fd: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=fd)


def main() -> int:
    if MODEL["mode"] == "refuse":
        sys.stderr.write(
            json.dumps({"level": "error", "message": "The model has a type that is not allowed."}) + "\n"
        )
        sys.stderr.write("more text\n")
        return 1
    private = Server(int(os.environ["MLCLOUD_PRIVATE_FD"]))
    public = Server(int(os.environ["MLCLOUD_LISTEN_FD"]))
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1, signal.SIGTERM))
    threading.Thread(target=private.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    accepting = False
    while signal.sigwait((signal.SIGUSR1, signal.SIGTERM)) == signal.SIGUSR1:
        accepting = True
        threading.Thread(target=public.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    if accepting:
        public.shutdown()
    public.server_close()
    private.shutdown()
    private.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
