"""The status page's server: what it answers to whom, and that it goes on whatever it is given."""

import http.client
import math
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.page import PageServer, document
from support.local_http import get
from support.provider_endpoints import is_free
from support.waiting import LIMIT_S

Start = Callable[..., PageServer]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[PageServer] = []

    def begin(
        snapshot: Mapping[str, Any] | Exception, report: Path | None = None, **options: Any
    ) -> PageServer:
        def look() -> Mapping[str, Any]:
            if isinstance(snapshot, Exception):
                raise snapshot
            return snapshot

        started.append(PageServer(look, lambda label: report if label == "v 1" else None, **options))
        started[-1].start()
        return started[-1]

    yield begin
    for page in started:
        page.close()


def ask(page: PageServer, path: str, host: str | None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=LIMIT_S)
    connection.putrequest(method, path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    status, body = answer.status, answer.read().decode()
    connection.close()
    return status, body


def test_the_page_holds_its_style_and_script_and_nothing_that_is_loaded(start: Start) -> None:
    answer = get(start({}).url)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.content == document()[0]
    assert "/* page.css */" not in answer.text
    assert "/* page.js */" not in answer.text
    loaded = re.findall(r"""\b(?:src|href)=["']([^"'#]+)["']""", answer.text)
    assert set(loaded) == {"data:,", "/status.json"}
    assert set(re.findall(r"https?://[^\s\"'`<]+", answer.text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in answer.text
    assert "url(" not in answer.text


def test_the_policy_names_hashes_and_leaves_nothing_open(start: Start) -> None:
    policy = get(start({}).url).headers["Content-Security-Policy"]
    sources = dict(part.split(" ", 1) for part in policy.split("; "))
    assert sources["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", sources["script-src"])
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", sources["style-src"])
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_status_is_what_the_monitor_says(start: Start) -> None:
    status = {"title": "tumours", "series": {"p50_ms": [1.5, None]}}
    answer = get(f"{start(status).url}status.json")
    assert answer.json() == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_no_number_is_null_for_a_browser(start: Start) -> None:
    status = {"metrics": {"r2": math.nan, "mae": [math.inf, (-math.inf, 1.0)]}}
    assert get(f"{start(status).url}status.json").json() == {
        "metrics": {"r2": None, "mae": [None, [None, 1.0]]}
    }


@pytest.mark.parametrize("status", [KeyError("versions"), {"odd": object()}])
def test_a_status_that_cannot_be_told_is_an_error_in_words_and_the_page_goes_on(
    start: Start, status: Any
) -> None:
    page = start(status)
    answer = get(f"{page.url}status.json")
    assert answer.status_code == 500
    assert answer.text.startswith(("KeyError: ", "TypeError: "))
    assert get(page.url).status_code == 200


def test_a_report_is_served_where_nothing_in_it_can_run(start: Start, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<h1>v 1</h1><script>alert(1)</script>")
    answer = get(f"{start({}, report).url}reports/v%201")
    assert answer.text == report.read_text()
    assert answer.headers["Content-Security-Policy"].endswith("; sandbox")
    assert "script-src" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("label", ["", "v2", "../state.json", "..%2f..%2fetc%2fpasswd", "v%201/", "%00"])
def test_a_report_that_nobody_knows_is_not_found(start: Start, tmp_path: Path, label: str) -> None:
    (tmp_path / "report.html").write_text("x")
    assert ask(start({}, tmp_path / "report.html"), f"/reports/{label}", "localhost")[0] == 404


def test_a_report_that_has_gone_is_not_found(start: Start, tmp_path: Path) -> None:
    assert get(f"{start({}, tmp_path / 'report.html').url}reports/v%201").status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:1"])
def test_this_machine_is_answered_under_its_own_names_and_through_a_tunnel(start: Start, host: str) -> None:
    assert ask(start({}), "/status.json", host) == (200, "{}")


@pytest.mark.parametrize(
    "host", [None, "", "attacker.example", "127.0.0.1.attacker.example", "localhost:x", "[::1", "a:b:80"]
)
def test_a_name_that_was_led_here_learns_nothing(start: Start, host: str | None) -> None:
    for path in ("/", "/status.json", "/reports/v%201"):
        assert ask(start({"title": "tumours"}), path, host) == (421, "Ask for 127.0.0.1 or localhost.\n")


def test_other_paths_and_methods_are_refused(start: Start) -> None:
    page = start({})
    assert ask(page, "/page.js", "localhost")[0] == 404
    assert ask(page, "//[", "localhost")[0] == 404
    assert ask(page, "/status.json", "localhost", "POST")[0] == 501
    assert ask(page, "/status.json", "localhost", "HEAD") == (200, "")


def test_a_port_that_is_taken_is_an_error_unless_nobody_asked_for_it(start: Start) -> None:
    first = start({})
    with pytest.raises(ResourceError, match=rf"127.0.0.1:{first.port} cannot be used"):
        start({}, port=first.port, any_port=False)
    other = start({}, port=first.port, any_port=True)
    assert other.port not in (0, first.port)


def test_a_closed_page_frees_its_port_though_a_client_has_sent_half_a_request(start: Start) -> None:
    page = start({})
    port = page.port
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as slow:
        slow.sendall(b"GET / HT")
        assert get(page.url).status_code == 200
        page.close()
        assert page.port == 0
        assert is_free(port)
        page.close()
    again = start({}, port=port, any_port=False)
    assert again.port == port


def test_a_client_that_goes_before_its_answer_leaves_no_trace(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    page = start({"much": "x" * 8_000_000})
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", page.port), timeout=LIMIT_S) as hasty:
            hasty.sendall(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            hasty.recv(1)
    long = httpx.get(page.url, headers={"x": "y" * 70_000}, trust_env=False, timeout=LIMIT_S)
    assert long.status_code == 431
    assert get(page.url).status_code == 200
    assert capfd.readouterr() == ("", "")
