"""The status page in a browser: on a phone, in the dark, by keyboard, read out, and without jumps."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from support.browser import PHONE, Window
from support.page_status import NEW, OLD, alarm, status, version

LONG = "a-name-without-any-place-to-break-" * 5
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
# WCAG 2.2, 2.5.8 asks for 24 CSS pixels, 2.5.5 for 44.
TAP_PX = 44
# WCAG 2.2, 1.4.3: text of normal size.
LEAST_CONTRAST = 4.5
UNKNOWN = "\N{EN DASH}"


def busy(name: str = "") -> dict[str, Any]:
    """Two versions, an open alarm and a history; every name may be lengthened."""
    good = status()
    return good | {
        "title": f"breast-cancer{name}",
        "endpoint": good["endpoint"] | {"state": "rolling-out", "detail": f"Version {NEW} has 25 %{name}"},
        "versions": [
            version(f"{OLD}{name}", weight=75.0, servers=2, metrics={f"accuracy{name}": 0.9}),
            version(f"{NEW}{name}", weight=25.0, servers=1, p99_ms=812.4, requests=1_234_567_890),
        ],
        "alarms": [
            alarm(
                f"latency-p99{name}", "latency_p99_ms", state="alarm", value=812.4, threshold=250.0, unit="ms"
            ),
            alarm(f"server-errors{name}", "server_error_percent"),
            alarm("no-traffic", "quiet_hours", state="no-data", value=None, unit="hours"),
        ],
        "history": [
            {"at": 1.7e9 - index, "name": f"latency-p99{name}", "from": "ok", "to": "alarm", "value": 300.0}
            for index in range(12)
        ],
        "training": {"run": f"run{name}", "status": "failed", "since": 1.7e9, "report": "/reports/x"},
    }


def open_all(page: Page) -> None:
    """Open everything that opens."""
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")


CUT = """() => [...document.querySelectorAll("h1, h2, .state, .figure, td, th, li > *, .address > *")]
  .filter((part) => !part.closest(".hidden, thead") && part.checkVisibility())
  .filter((part) => getComputedStyle(part).display !== "inline" && part.scrollWidth > part.clientWidth + 1)
  .map((part) => part.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("width", [320, 360, 800, 1280])
@pytest.mark.parametrize("name", ["", LONG])
def test_no_part_is_wider_than_the_window(window: Window, width: int, name: str) -> None:
    options = {**PHONE, "viewport": {"width": width, "height": 740}} if width < 800 else {**DESKTOP}
    options["viewport"] = {"width": width, "height": 740}
    shown = window.show(busy(name), **options)
    open_all(shown.page)
    assert shown.overflow() == 0
    assert shown.page.evaluate(CUT) == []


SPLIT = """() => [...document.querySelectorAll("#models :is(th[data-part], time, summary, a)")]
  .filter((part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return new Set([...range.getClientRects()].map((line) => Math.round(line.top))).size > 1;
  })
  .map((part) => part.textContent)"""


@pytest.mark.parametrize("width", [800, 1280])
def test_a_models_hash_time_and_links_stay_whole_beside_its_metrics(window: Window, width: int) -> None:
    metrics = ("accuracy", "f1", "log_loss", "precision", "recall", "roc_auc")
    told = status() | {"versions": [version(OLD, weight=100.0, metrics=dict.fromkeys(metrics, 0.9646))]}
    shown = window.show(told, viewport={"width": width, "height": 740})
    expect(shown.row("models", OLD)).to_be_visible()
    assert shown.page.evaluate(SPLIT) == []


def test_what_a_thumb_shall_hit_is_large_enough(window: Window) -> None:
    shown = window.show(busy(), **PHONE)
    open_all(shown.page)
    targets = [target for target in shown["a, button, summary, [role=slider]"].all() if target.is_visible()]
    assert len(targets) >= 10
    boxes = {
        target.evaluate("node => node.outerHTML.slice(0, 80)"): target.bounding_box() for target in targets
    }
    small = {
        name: box for name, box in boxes.items() if box and min(box["width"], box["height"]) < TAP_PX - 0.5
    }
    assert small == {}


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let part = node; part; part = part.parentElement) {
      const colour = rgba(getComputedStyle(part).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const words = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!words || !node.checkVisibility() || node.closest("script, style, .hidden")) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), node.textContent.trim().slice(0, 60)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_text_stands_out_from_its_ground(window: Window, scheme: str, options: dict[str, Any]) -> None:
    shown = window.show(busy(), color_scheme=scheme, **options)
    open_all(shown.page)
    contrasts = shown.page.evaluate(CONTRASTS)
    assert len(contrasts) > 60
    assert [found for found in contrasts if found[0] < LEAST_CONTRAST] == []


def test_dark_and_light_are_as_the_system_asks(window: Window) -> None:
    grounds = [
        window.show(status(), color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, re.findall(r"\d+", ground)[:3])) for ground in grounds)
    assert light > 700
    assert dark < 100


def test_states_are_told_apart_without_colours(window: Window) -> None:
    shown = window.show(busy(), forced_colors="active")
    for row, words, shape in (
        ("latency-p99", "Alarm", "alarm"),
        ("server-errors", "OK", "ok"),
        ("no-traffic", "No data", "none"),
    ):
        cell = shown.row("rules", row).locator('[data-part="state"]')
        expect(cell).to_have_text(f" {words}")
        expect(cell.locator("use")).to_have_attribute("href", f"#i-{shape}")
    expect(shown["#alarms-what"]).to_have_text("1 open alarm")


FOCUSED = """() => {
  const focused = document.activeElement;
  return (focused.getAttribute("aria-label") ?? focused.innerText).trim();
}"""


def test_everything_is_reached_and_used_by_keyboard(window: Window) -> None:
    shown = window.show(busy())
    reached: list[str] = []
    for _ in range(40):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate(FOCUSED))
        if reached[-1] == "status.json":
            break
    assert reached[0].startswith("Copy")
    for name in ("Requests, past minutes", "3 server processes", "Lineage", f"Report of version {OLD}"):
        assert name in reached
    assert reached[-2:] == ["4 earlier changes", "status.json"]

    slider = shown.page.get_by_role("slider", name="Latency, past minutes")
    slider.focus()
    shown.page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"\d\d:\d\d:\d\d: 3.4 ms, p99 19 ms"))
    shown.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    expect(shown["[data-cursor]"]).to_have_count(4)
    shown.page.keyboard.press("Escape")
    expect(shown["[data-cursor]"]).to_have_count(0)

    shown["#history-what"].focus()
    shown.page.keyboard.press("Enter")
    expect(shown["#history-rest li"].last).to_be_visible()


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_screen_reader_finds_headings_and_tables_with_their_heads(
    window: Window, options: dict[str, Any]
) -> None:
    shown = window.show(busy(), **options)
    expect(shown.page.get_by_role("heading", level=1)).to_have_text("breast-cancer")
    for name in ("Traffic by version", "Models", "What is watched"):
        expect(shown.page.get_by_role("region", name=name)).to_be_visible()
        table = shown.page.get_by_role("table", name=name)
        expect(table.get_by_role("columnheader").first).to_be_attached()
        expect(table.get_by_role("rowheader").first).to_be_visible()
    expect(shown.page.get_by_role("status")).to_be_attached()


BOXES = """() => [
    ...document.querySelectorAll("header > *, section, h2, h3, .figure, .chart, .caption, tr, tr > *")
  ]
  .filter((part) => part.checkVisibility())
  .map((part) => part.getBoundingClientRect())
  .map((box) => [box.left, box.top, box.width, box.height].map(Math.round).join(" "))"""


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_moves_while_numbers_change_or_the_page_grows_stale(
    window: Window, options: dict[str, Any]
) -> None:
    shown = window.show(status(), **options)
    open_all(shown.page)
    made = shown.status.content["versions"][1]["created"]
    boxes = shown.page.evaluate(BOXES)
    for rate, text in ((3.14, "3.1"), (99_999.0, "99,999"), (None, UNKNOWN), (220.4, "220")):
        figures = {"requests_per_s": rate, "p50_ms": rate, "p99_ms": rate}
        versions = [version(OLD), version(NEW, weight=100.0, servers=2, created=made, **figures)]
        shown.status.change(
            versions=versions, alarms=[{**one, "value": rate} for one in shown.status.content["alarms"]]
        )
        shown.status.change_endpoint(error_percent=rate, in_flight=rate, **figures)
        expect(shown.part("requests")).to_have_text(text)
        assert shown.page.evaluate(BOXES) == boxes
    shown.status.stuck_at = time.time() - 60
    expect(shown["#freshness"]).to_contain_text("Stale since ")
    assert shown.page.evaluate(BOXES) == boxes
