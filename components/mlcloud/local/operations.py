"""Predict, status, models and logs of a stack on the local cloud, over the same HTTP that its users see."""

import contextlib
import http.client
import json
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, ModelVersion, Prediction, Sample, predictions_in
from mlcloud.local import versions
from mlcloud.provider.local.serving import HOST, EndpointFolder, EndpointState

_TIMEOUT_S = 30.0
_FOLLOW_EVERY_S = 0.5
# The monitor writes each second; whoever is late for so long does not run.
_STALE_S = 15.0
_REQUESTS = re.compile(r'^mlcloud_requests_total\{route="([^"]*)",status="(\d+)"\} (\d+)', re.MULTILINE)
_UNSUPERVISED = (
    "Its servers answer, but their supervisor has ended: one that crashes stays down. "
    "`mlcloud refresh STACK` notices, `mlcloud up STACK` repairs."
)
_NO_ANSWER = (OSError, http.client.HTTPException)
_PROBES = frozenset({"/", "/ping", "/metrics", "/v2/health/live", "/v2/health/ready"})


def sample(outputs: Mapping[str, Any]) -> Sample:
    """Return the held-out row that the live model's manifest carries."""
    manifest = _folder(_output(outputs, "model_uri")) / "manifest.json"
    try:
        smoke = json.loads(manifest.read_bytes())["smoke"]
    except NotADirectoryError:
        raise UserError(
            f"The live model is the archive {manifest.parent}, which is not opened for a sample row. "
            "Give rows with --file or --data."
        ) from None
    except FileNotFoundError:
        raise UserError(
            f"The live model is not at {manifest.parent}. "
            "`mlcloud refresh STACK` notices, `mlcloud up STACK` repairs."
        ) from None
    return Sample(instance=smoke["instance"], expected=smoke["prediction"])


def predict(outputs: Mapping[str, Any], body: bytes, *, content_type: str) -> Prediction:
    """Ask the endpoint for predictions, one for each row."""
    url = _output(outputs, "endpoint_url")
    begun = time.perf_counter()
    try:
        answer = _ask(url, "POST", "/invocations", body, {"content-type": content_type})
    except _NO_ANSWER as error:
        raise UserError(_unreachable(url, error)) from None
    duration_ms = (time.perf_counter() - begun) * 1000
    if not answer.ok:
        raise UserError(f"The endpoint refused the request ({answer.status}): {_reason(answer)}")
    return Prediction(
        predictions=predictions_in(answer.body),
        model_version=answer.model_version,
        duration_ms=duration_ms,
    )


def status(outputs: Mapping[str, Any]) -> EndpointStatus:
    """Ask the endpoint whether it is ready, which version it serves, and what it has answered so far.

    What answers is asked; who looks after it, and what shares the versions have, is the supervisor's to tell.
    """
    url = _output(outputs, "endpoint_url")
    supervised = _supervised(outputs)
    replicas = supervised.replicas if supervised is not None else int(outputs.get("replicas", 1))
    declared = str(outputs.get("model_version", ""))
    try:
        ready = _ask(url, "GET", "/v2/health/ready")
        counters = _counters(_metrics_of(url, supervised))
    except _NO_ANSWER as error:
        return EndpointStatus(
            state="down",
            url=url,
            model_version=declared,
            replicas=replicas,
            requests=0,
            errors=0,
            detail=_unreachable(url, error),
            more=_watched(outputs),
        )
    state, detail = ("serving" if ready.ok else "starting"), ""
    more: dict[str, str] = {}
    if supervised is not None and not supervised.supervisor.is_alive():
        state, detail = "unsupervised", _UNSUPERVISED
    elif supervised is not None and supervised.candidate:
        state = "rolling-out"
        more["traffic"] = ", ".join(f"{one.weight} % to {one.version}" for one in supervised.generations)
    version = supervised.version if supervised is not None and more else ready.model_version
    return EndpointStatus(
        state=state,
        url=url,
        model_version=version or declared,
        replicas=replicas,
        requests=counters.get("requests", 0),
        errors=counters.get("errors", 0),
        detail=detail,
        more=more | _watched(outputs),
    )


def _supervised(outputs: Mapping[str, Any]) -> EndpointState | None:
    """What the endpoint's supervisor has said last; None where it has said nothing."""
    logs = outputs.get("endpoint_logs")
    return None if not logs else EndpointFolder(path=Path(str(logs)).parent).state()


def _metrics_of(url: str, supervised: EndpointState | None) -> str:
    """The metrics of every server; of one of them where they are not known one by one."""
    generations = () if supervised is None else supervised.generations
    ports = [server.private_port for one in generations for server in one.servers if server.accepting]
    found: list[str] = []
    for address in (f"http://{HOST}:{port}" for port in ports):
        with contextlib.suppress(*_NO_ANSWER):  # one that has just ended
            found.append(_ask(address, "GET", "/metrics").body.decode(errors="replace"))
    return "\n".join(found) or _ask(url, "GET", "/metrics").body.decode(errors="replace")


def _watched(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Say which alarms are open, and where the status page is; nothing of a stack that has no monitor."""
    if not outputs.get("alarms"):
        return {}
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        found = cast("dict[str, Any]", json.loads(Path(str(outputs["alarms"])).read_bytes()))
    if time.time() - float(found.get("written", 0)) > _STALE_S:
        return {"alarms": "nobody watches: `mlcloud up` starts the monitor"}
    alarms = cast("list[dict[str, Any]]", found.get("alarms", []))
    opened = [_alarm_text(alarm) for alarm in alarms if alarm["state"] == "alarm"]
    return {"alarms": "; ".join(opened) or "none", "page": str(outputs.get("status_page", ""))}


def _alarm_text(alarm: Mapping[str, Any]) -> str:
    """Return an open alarm in a line: `server-errors, 12.5 percent (limit 1) since 10:15`."""
    since = datetime.fromtimestamp(float(alarm["since"]), UTC).astimezone()
    value = "" if alarm["value"] is None else f", {alarm['value']:.4g} {alarm['unit']}"
    return f"{alarm['name']}{value} (limit {alarm['threshold']:g}) since {since:%H:%M}"


def models(outputs: Mapping[str, Any]) -> list[ModelVersion]:
    """List the versions whose models are there, the latest first."""
    return versions.listed(outputs)


def logs(outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of the endpoint's or the training run's log, and with ``follow`` those to come.

    Each generation of servers has a log of its own: the newest is read, and followed into the next one.
    """
    folder = Path(_output(outputs, "endpoint_logs" if source == "endpoint" else "training_logs"))
    newest = _newest_log(folder)
    if newest is None:
        raise UserError(
            f"No log of the {source} lies in {folder}: the stack is not up, or it has logged nothing yet."
        )
    log = newest.open(encoding="utf-8", errors="replace")
    try:
        yield from (line.rstrip("\n") for line in deque(log, maxlen=lines))
        part = ""
        while follow:
            part += log.readline()
            if part.endswith("\n"):
                yield part.rstrip("\n")
                part = ""
            elif (next_one := _newest_log(folder)) is not None and next_one != newest:
                newest, part = next_one, ""
                log.close()
                log = newest.open(encoding="utf-8", errors="replace")
            else:
                if newest.stat().st_size < log.tell():
                    log.seek(0)  # The supervisor cuts a log that grew too long.
                time.sleep(_FOLLOW_EVERY_S)
    finally:
        log.close()


def _newest_log(folder: Path) -> Path | None:
    """Return the log that was begun last: their names begin with the generation's number."""
    return max(folder.glob("*.log"), key=lambda file: file.name, default=None)


def _output(outputs: Mapping[str, Any], name: str) -> str:
    value = outputs.get(name)
    if not value:
        raise UserError(f"The stack has no output {name!r}: it is not up. Run `mlcloud up STACK` first.")
    return str(value)


def _folder(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    body: bytes
    model_version: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def _ask(
    url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> _Answer:
    """Ask the endpoint itself: a proxy of the environment has no way to a port of this machine."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        version = answer.headers.get("x-model-version", "")
        return _Answer(status=answer.status, body=answer.read(), model_version=version)
    finally:
        connection.close()


def _unreachable(url: str, error: Exception) -> str:
    return (
        f"Nothing answers at {url} ({error}). `mlcloud refresh STACK` looks again, `mlcloud up STACK` "
        "repairs, and `mlcloud logs STACK` shows what the servers said."
    )


def _reason(answer: _Answer) -> str:
    try:
        body: Any = json.loads(answer.body)
    except ValueError:
        return answer.body[:200].decode(errors="replace")
    return str(cast("dict[str, Any]", body).get("error", body)) if isinstance(body, dict) else str(body)


def _counters(text: str) -> dict[str, int]:
    """Sum the request counters of the Prometheus text, all and those answered with 500 or above.

    Probes are no requests of users: a server that is still loading answers them with 503, as it should.
    """
    totals = {"requests": 0, "errors": 0}
    for route, code, value in _REQUESTS.findall(text):
        if route in _PROBES:
            continue
        totals["requests"] += int(value)
        totals["errors"] += int(value) if code.startswith("5") else 0
    return totals
