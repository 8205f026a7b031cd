"""Requests to servers of this machine: never through a proxy, with the patience of a busy machine."""

import httpx

from support.waiting import LIMIT_S


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=LIMIT_S, trust_env=False)


def post(url: str, body: object) -> httpx.Response:
    """Send a JSON body."""
    return httpx.post(url, json=body, timeout=LIMIT_S, trust_env=False)
