"""Predict, status and logs of a stack on the local cloud, over the same HTTP that its users see."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from mlcloud.core.errors import UserError
from mlcloud.core.operations import EndpointStatus, Prediction, Sample

_TIMEOUT_S = 30.0
_FOLLOW_EVERY_S = 0.5
_REQUESTS = re.compile(r'^mlcloud_requests_total\{route="([^"]*)",status="(\d+)"\} (\d+)', re.MULTILINE)
_PROBES = frozenset({"/", "/ping", "/metrics", "/v2/health/live", "/v2/health/ready"})


def sample(outputs: Mapping[str, Any]) -> Sample:
    """Return the held-out row that the live model's manifest carries."""
    manifest = _folder(_output(outputs, "model_uri")) / "manifest.json"
    try:
        smoke = json.loads(manifest.read_bytes())["smoke"]
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
        answer = httpx.post(
            f"{url}/invocations", content=body, headers={"content-type": content_type}, timeout=_TIMEOUT_S
        )
    except httpx.HTTPError as error:
        raise UserError(_unreachable(url, error)) from None
    duration_ms = (time.perf_counter() - begun) * 1000
    if not answer.is_success:
        raise UserError(f"The endpoint refused the request ({answer.status_code}): {_reason(answer)}")
    return Prediction(
        predictions=answer.json()["predictions"],
        model_version=answer.headers.get("x-model-version", ""),
        duration_ms=duration_ms,
    )


def status(outputs: Mapping[str, Any]) -> EndpointStatus:
    """Ask the endpoint whether it is ready, which version it serves, and what it has answered so far."""
    url = _output(outputs, "endpoint_url")
    declared = str(outputs.get("model_version", ""))
    replicas = int(outputs.get("replicas", 1))
    try:
        ready = httpx.get(f"{url}/v2/health/ready", timeout=_TIMEOUT_S)
        counters = _counters(httpx.get(f"{url}/metrics", timeout=_TIMEOUT_S).text)
    except httpx.HTTPError as error:
        return EndpointStatus(
            state="down",
            url=url,
            model_version=declared,
            replicas=replicas,
            requests=0,
            errors=0,
            detail=_unreachable(url, error),
        )
    return EndpointStatus(
        state="serving" if ready.is_success else "starting",
        url=url,
        model_version=ready.headers.get("x-model-version", declared),
        replicas=replicas,
        requests=counters.get("requests", 0),
        errors=counters.get("errors", 0),
    )


def logs(outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of the endpoint's or the training run's log, and with ``follow`` those to come."""
    folder = Path(_output(outputs, "endpoint_logs" if source == "endpoint" else "training_logs"))
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime)
    if not files:
        raise UserError(
            f"No log of the {source} lies in {folder}: the stack is not up, or it has logged nothing yet."
        )
    newest = files[-1]
    with newest.open(encoding="utf-8", errors="replace") as log:
        yield from (line.rstrip("\n") for line in log.readlines()[-lines:])
        while follow:
            line = log.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(_FOLLOW_EVERY_S)


def _output(outputs: Mapping[str, Any], name: str) -> str:
    value = outputs.get(name)
    if not value:
        raise UserError(f"The stack has no output {name!r}: it is not up. Run `mlcloud up STACK` first.")
    return str(value)


def _folder(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _unreachable(url: str, error: httpx.HTTPError) -> str:
    return (
        f"Nothing answers at {url} ({error}). `mlcloud refresh STACK` looks again, `mlcloud up STACK` "
        "repairs, and `mlcloud logs STACK` shows what the servers said."
    )


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(body.get("error", body))


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
