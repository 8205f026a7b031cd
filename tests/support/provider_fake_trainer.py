"""A trainer that trains nothing: the same command line, folders and output as the real one, in milliseconds.

`estimator.mode` chooses what happens: `ok`, `slow` (waits until told), `fail` (at once, or when told),
`crash`, `killed`, `garbage` (bytes, nesting, odd events), `flood` (more output than is kept), `child` (leaves
a process behind), `undefined` (metrics that are no numbers), `unlisted` (a manifest that is not one).
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def say(**event: object) -> None:
    sys.stdout.write(json.dumps({"time": "2026-01-01T00:00:00Z", "level": "info", **event}) + "\n")
    sys.stdout.flush()


def write_garbage() -> None:
    sys.stdout.buffer.write(bytes(range(256)) * 300 + b"\n" + b'{"a":' * 200_000 + b"\n")
    say(event="progress", message="\x1b[31mred", step=1, total_steps=1)
    say(event=5, message={"a": 1})
    sys.stdout.write('"text"\n{"event": "warning", "level": []}\n')


def write_flood() -> None:
    for _ in range(20):
        for number in range(10_000):
            say(event="progress", message=f"number {number}", step=1, total_steps=2)
        sys.stdout.write("x" * 1_000_000 + "\n")


def wait_until_told(parameters: dict[str, str]) -> None:
    while "estimator.go" in parameters and not Path(parameters["estimator.go"]).exists():
        time.sleep(0.02)


def main() -> int:
    prefix = Path(sys.argv[sys.argv.index("--prefix") + 1])
    parameters = json.loads((prefix / "input" / "config" / "hyperparameters.json").read_text())
    (data,) = (prefix / "input" / "data" / "train").iterdir()
    with Path(parameters["estimator.trainings"]).open("a") as trainings:
        trainings.write(f"{prefix.name}\n")
    say(event="progress", message="reading", step=1, total_steps=2)
    mode = parameters["estimator.mode"]
    if mode == "fail":
        wait_until_told(parameters)
        (prefix / "output" / "failure").write_text("The column `target` is not in the data.")
        return 1
    if mode == "crash":
        sys.stderr.write("Segmentation fault (not really)\n")
        return 3
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "garbage":
        write_garbage()
    if mode == "flood":
        write_flood()
    if mode == "child":
        child = subprocess.Popen(["sleep", "600"])
        Path(parameters["estimator.child"]).write_text(str(child.pid))
    if mode == "slow":
        wait_until_told(parameters)
    say(event="progress", message="fitting", step=2, total_steps=2)
    accuracy = float(parameters["estimator.accuracy"])
    say(event="metric", message=f"accuracy = {accuracy}", name="accuracy", value=accuracy)
    prediction = parameters.get("estimator.prediction", "B")
    seen = {"data": data.read_text(), "parameters": parameters}
    skops = json.dumps({"prediction": prediction, "mode": "ok", "seen": seen}, sort_keys=True).encode()
    (prefix / "model" / "model.skops").write_bytes(skops)
    (prefix / "model" / "report.html").write_text("<h1>report</h1>")
    manifest = {
        "metrics": {"accuracy": accuracy, "log_loss": 1 - accuracy},
        "smoke": {"instance": {"a": 1}, "prediction": prediction},
        "files": {"model.skops": {"sha256": hashlib.sha256(skops).hexdigest(), "bytes": len(skops)}},
    }
    if mode == "undefined":
        manifest["metrics"] = {"accuracy": float("nan"), "log_loss": float("-inf"), "f1": True}
    if mode == "unlisted":
        manifest["files"] = {"model.skops": "here"}
    (prefix / "model" / "manifest.json").write_text(json.dumps(manifest))
    say(event="done", message="trained", sha256="", model_dir=str(prefix / "model"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
