"""The status page in a browser: what it shows, and how it follows what changes."""

import re
import time
from typing import Any

from playwright.sync_api import expect
from support.browser import Shown, Window
from support.page_status import NEW, OLD, alarm, status, version

UNKNOWN = "\N{EN DASH}"
OPEN = alarm(
    "server-errors",
    "server_error_percent",
    state="alarm",
    value=12.31,
    description="Servers fail.",
    versions={NEW: {"state": "alarm", "value": 24.1}, OLD: {"state": "ok", "value": 0.1}},
)
CLOSED = alarm("server-errors", "server_error_percent", value=0.03)
EMPTY: dict[str, Any] = {
    "stack": "local-dev",
    "project": "mlcloud",
    "title": "breast-cancer",
    "endpoint": {
        **dict.fromkeys(("requests_per_s", "error_percent", "p50_ms", "p99_ms", "in_flight", "capacity")),
        **{"url": "", "state": "down", "detail": "There is no endpoint yet.", "ready": 0, "replicas": 0},
    },
    "versions": [],
    "series": {"step_s": 5, "from": 0.0},
    "alarms": [],
    "history": [],
    "training": None,
}


def test_it_shows_what_serves_and_how(window: Window) -> None:
    shown = window.show(status())
    expect(shown.page).to_have_title("breast-cancer")
    expect(shown["h1"]).to_have_text("breast-cancer")
    expect(shown["#where"]).to_have_text("mlcloud / local-dev")
    expect(shown["#state"]).to_have_text("Serving")
    expect(shown["#url"]).to_have_text("http://127.0.0.1:8470")
    expect(shown["#detail"]).to_have_text("2 of 2 servers ready")
    expect(shown["#freshness"]).to_contain_text("Live measured at ")
    expect(shown["#tile-requests .figure"]).to_have_text("220 per second")
    expect(shown["#tile-errors .figure"]).to_have_text("<0.1 % of requests")
    expect(shown["#tile-latency .figure"]).to_contain_text("3.4 ms p50")
    expect(shown["#tile-latency .figure"]).to_contain_text("19 ms p99")
    expect(shown["#tile-capacity .figure"]).to_have_text("3 of 128, 2.3 % used")
    expect(shown["#tile-requests .caption"]).to_have_text("last 5 minpeak 272 /s")
    expect(shown["#tile-latency span.limit"]).to_have_text("limit 60 ms")


def test_it_shows_versions_with_their_traffic_servers_metrics_lineage_and_reports(window: Window) -> None:
    versions = [version(OLD, weight=75.0, servers=2), version(NEW, weight=25.0, servers=1, errors=4125)]
    shown = window.show(status(versions=versions))
    assert shown["#live th"].all_inner_texts() == [f"{OLD} live", f"{NEW} live"]
    cells = shown.row("live", NEW).locator("td")
    assert cells.all_inner_texts() == ["25 %", "55 /s", "10 %", "3.4 ms", "19 ms", "1 of 1"]
    shares = shown.page.evaluate(
        "[...document.querySelectorAll('#shares div')].map((share) => share.style.width)"
    )
    assert shares == ["75%", "25%"]
    shown.page.get_by_text("3 server processes").click()
    expect(shown["#servers tr"]).to_have_count(3)
    expect(shown["#servers tr"].first).to_contain_text("Ready")
    expect(shown["#servers tr"].first).to_contain_text("1 h 2 min")
    model = shown.row("models", OLD)
    expect(model).to_contain_text("accuracy 0.972, roc_auc 0.9959")
    model.get_by_text("Lineage").click()
    expect(model.locator("dl")).to_contain_text("logistic_regression")
    expect(model.get_by_role("link", name=f"Report of version {OLD}")).to_have_attribute(
        "href", f"/reports/{OLD}"
    )


def test_numbers_follow_each_second_and_the_page_stays_where_it_was(window: Window) -> None:
    shown = window.show(status())
    shown.page.evaluate("window.sameDocument = true")
    shown.row("models", OLD).get_by_text("Lineage").click()
    for rate, text in ((1234.5, "1,235"), (0.04, "<0.1"), (0.0, "0"), (None, UNKNOWN), (7.26, "7.3")):
        shown.status.change_endpoint(requests_per_s=rate)
        expect(shown.part("requests")).to_have_text(text)
    shown.status.change_endpoint(p99_ms=12_345.0)
    expect(shown["#tile-latency .figure"]).to_contain_text("12 s p99")
    shown.status.change(versions=[version(NEW, weight=100.0, servers=1), version(OLD, stage="none")])
    expect(shown.row("models", OLD)).to_contain_text("none")
    expect(shown.row("models", OLD).locator("dl")).to_be_visible()
    assert shown.page.evaluate("window.sameDocument") is True


def test_an_alarm_opens_first_on_the_page_and_in_the_tab_is_read_out_and_closes(window: Window) -> None:
    shown = window.show(status())
    expect(shown["#alarms-what"]).to_have_text("No open alarms")
    expect(shown["#alarms-rest"]).to_have_text("3 rules watched, 1 without data")
    quiet = shown["link[rel=icon]"].get_attribute("href")
    assert shown["#announce"].inner_text() == ""

    history = [{"at": time.time(), "name": "server-errors", "from": "ok", "to": "alarm", "value": 12.31}]
    action = {"kind": "webhook", "ok": False, "detail": "HTTP 503"}
    shown.status.change(alarms=[CLOSED | {"name": "other"}, OPEN], history=[{**history[0], "action": action}])
    expect(shown["#alarms-what"]).to_have_text("1 open alarm")
    expect(shown["#alarms-open li"]).to_have_count(1)
    expect(shown["#alarms-open li"]).to_contain_text("12.31 %, limit 5 %")
    expect(shown["#alarms-open li"]).to_contain_text(f"Servers fail. Version {NEW}: 24.1 %.")
    expect(shown["#alarms-open li"]).to_contain_text(re.compile(r"for \d+ min, since \d"))
    expect(shown["#announce"]).to_have_text("Alarm opened: server-errors, 12.31 %.")
    expect(shown.page).to_have_title("(1) breast-cancer")
    assert shown["link[rel=icon]"].get_attribute("href") != quiet
    assert shown["#rules tr"].first.inner_text().startswith("server-errors")
    expect(shown["#history li"]).to_contain_text("server-errors opened at 12.31 %.")
    expect(shown["#history li"]).to_contain_text("Could not be told by webhook: HTTP 503.")

    shown.status.change(alarms=[CLOSED])
    expect(shown["#alarms-what"]).to_have_text("No open alarms")
    expect(shown["#alarms-open li"]).to_have_count(0)
    expect(shown["#announce"]).to_have_text("Alarm closed: server-errors.")
    expect(shown.page).to_have_title("breast-cancer")
    assert shown["link[rel=icon]"].get_attribute("href") == quiet


def test_an_endpoint_that_goes_down_is_said_in_words_and_in_the_tab(window: Window) -> None:
    shown = window.show(status())
    shown.status.change_endpoint(state="down", ready=0, detail="The endpoint's supervisor does not run")
    expect(shown["#state"]).to_have_text("Down")
    expect(shown["#detail"]).to_have_text("0 of 2 servers ready. The endpoint's supervisor does not run")
    expect(shown.page).to_have_title("Down: breast-cancer")
    expect(shown["#announce"]).to_have_text("Endpoint: Down.")


def test_a_monitor_that_measures_no_more_leaves_a_page_that_says_since_when(window: Window) -> None:
    shown = window.show(status())
    shown.status.stuck_at = time.time() - 3700
    expect(shown["#freshness"]).to_contain_text("Stale since ")
    expect(shown["#freshness"]).to_contain_text("(1 h 1 min) The monitor has stopped measuring")
    expect(shown.page).to_have_title("Stale: breast-cancer")
    expect(shown["#announce"]).to_contain_text("Stale since ")
    expect(shown.part("requests")).to_have_text("220")
    shown.status.stuck_at = None
    expect(shown["#freshness"]).to_contain_text("Live measured at ")
    expect(shown["#announce"]).to_have_text("Live again.")
    expect(shown.page).to_have_title("breast-cancer")


def test_a_page_whose_server_is_gone_says_so_and_comes_back_with_it(window: Window) -> None:
    shown = window.show(status())
    shown.status.server.close()
    expect(shown["#freshness"]).to_contain_text("Stale since ")
    expect(shown["#freshness"]).to_contain_text("The monitor does not answer")
    expect(shown.part("requests")).to_have_text("220")
    shown.status.server.start()
    expect(shown["#freshness"]).to_contain_text("Live measured at ")


def test_a_status_that_cannot_be_told_or_understood_is_said_and_not_drawn(window: Window) -> None:
    shown = window.show(status())
    shown.status.failure = KeyError("versions")
    expect(shown["#freshness"]).to_contain_text("The monitor cannot tell: KeyError: 'versions'")
    expect(shown.part("requests")).to_have_text("220")
    shown.errors.clear()  # the browser says of each answer with 500 that it was one


def test_a_stack_in_which_nothing_has_been_made_yet_says_so(window: Window) -> None:
    shown = window.show(EMPTY)
    expect(shown["#state"]).to_have_text("Down")
    expect(shown["#url"]).to_have_text("no endpoint yet")
    expect(shown["#alarms-what"]).to_have_text("No alarms")
    for words in (
        "No version serves.",
        "No model has been registered yet.",
        "Nothing is watched: this stack has no alarms.",
        "No alarm has changed so far.",
    ):
        expect(shown.page.get_by_text(words)).to_be_visible()
    expect(shown["table:visible"]).to_have_count(0)
    for tile in ("requests", "errors", "latency", "capacity"):
        expect(shown.part(tile)).to_have_text(UNKNOWN)
        expect(shown.part(tile, "when")).to_have_text("nothing yet")
    expect(shown["#copy"]).to_be_hidden()


def _instants(shown: Shown) -> set[str]:
    return set(shown["[data-cursor] .caption [data-part=when]"].all_inner_texts())


def test_pointing_at_one_chart_shows_the_same_instant_in_all(window: Window) -> None:
    shown = window.show(status())
    shown["#tile-requests .chart"].hover(position={"x": 1, "y": 10})
    expect(shown["[data-cursor]"]).to_have_count(4)
    assert len(_instants(shown)) == 1
    expect(shown.part("latency", "then")).to_have_text(re.compile(r"^3\.\d ms, p99 \d\d ms$"))
    shown["h1"].hover()
    expect(shown["[data-cursor]"]).to_have_count(0)
    expect(shown.part("latency", "when")).to_have_text("last 5 min")


def test_the_endpoints_address_is_copied(window: Window) -> None:
    shown = window.show(status(), permissions=["clipboard-read", "clipboard-write"])
    shown["#copy"].click()
    expect(shown["#copy"]).to_contain_text("Copied")
    assert shown.page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:8470"
    expect(shown["#copy"]).to_have_text("Copy the endpoint's address")
