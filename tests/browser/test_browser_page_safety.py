"""The status page in a browser: nothing that a name says is run, and nothing leaves this machine."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from support.browser import Window
from support.page_status import alarm, status, version

EVIL = "<img src=x onerror=\"window.ran = 'name'\"><script>window.ran = 'script'</script>"


def hostile() -> dict[str, Any]:
    """A status in which every text that somebody may choose is markup."""
    good = status()
    run = {"run": EVIL, "status": EVIL, "since": 0.0, "report": "javascript:window.ran = 'run'"}
    change = {"at": 0.0, "name": EVIL, "from": "ok", "to": EVIL, "value": 1.0}
    return good | {
        "stack": EVIL,
        "project": EVIL,
        "title": EVIL,
        "endpoint": good["endpoint"] | {"url": f"javascript:{EVIL}", "detail": EVIL, "state": EVIL},
        "versions": [
            version(
                EVIL, weight=100.0, servers=1, stage=EVIL, metrics={EVIL: EVIL}, lineage={EVIL: {EVIL: EVIL}}
            ),
            version("elsewhere", report="//attacker.example/reports/x"),
            version("script", report="javascript:window.ran = 'report'"),
            version("up", report="/reports/../../x"),
        ],
        "alarms": [
            alarm(
                EVIL,
                EVIL,
                state="alarm",
                unit=EVIL,
                description=EVIL,
                versions={EVIL: {"state": "alarm", "value": 1}},
            )
        ],
        "history": [change | {"action": {"kind": EVIL, "ok": False, "detail": EVIL}}],
        "training": run,
    }


def test_markup_in_every_name_is_shown_as_text(window: Window) -> None:
    shown = window.show(hostile())
    for selector in (
        "h1",
        "#where",
        "#state",
        "#detail",
        "#alarms-open li",
        "#live th",
        "#models th",
        "#history li",
    ):
        expect(shown[selector].filter(has_text=EVIL).first).to_be_visible()
    shown.row("models", EVIL).get_by_text("Lineage").click()
    expect(shown.row("models", EVIL).locator("dl")).to_contain_text(EVIL)
    assert shown["img, main script"].count() == 0
    assert shown.page.evaluate("window.ran") is None
    assert shown.overflow() == 0


def test_only_a_report_of_this_page_becomes_a_link(window: Window) -> None:
    shown = window.show(hostile())
    links = {link.get_attribute("href") for link in shown["a"].all()}
    assert links == {"/status.json", f"/reports/{quote(EVIL, safe='')}"}


def test_values_of_another_kind_than_agreed_are_survived(window: Window) -> None:
    odd = {
        "endpoint": [],
        "versions": {"a": 1},
        "series": None,
        "alarms": "x",
        "history": [None, 3],
        "training": [],
    }
    shown = window.show(status(**odd))
    expect(shown["#freshness"]).to_contain_text("Live measured at ")
    expect(shown["#state"]).to_have_text("unknown")
    shown.status.change(**status())
    expect(shown["#state"]).to_have_text("Serving")


@pytest.mark.parametrize(
    ("attempt", "directive"),
    [
        (
            "const s = document.createElement('script'); s.append('window.ran = 1'); document.body.append(s)",
            "",
        ),
        ("document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click()", ""),
        (
            "const s = document.createElement('style'); s.append('body {}'); document.body.append(s)",
            "style-src-elem",
        ),
        ("fetch('https://attacker.example/').catch(() => 0)", "connect-src"),
        ("new Image().src = 'https://attacker.example/x.png'", "img-src"),
        ("document.body.append(Object.assign(document.createElement('iframe'), {src: '/'}))", "frame-src"),
        ("document.body.innerHTML = '<b>x</b>'", "require-trusted-types-for"),
        ("setTimeout('window.ran = 1')", ""),
    ],
)
def test_the_policy_stops_what_a_mistake_in_the_script_would_allow(
    window: Window, attempt: str, directive: str
) -> None:
    shown = window.show(status())
    stopped = shown.page.evaluate(
        """async (attempt) => {
          const violations = [];
          const note = (event) => violations.push(event.effectiveDirective);
          document.addEventListener("securitypolicyviolation", note);
          let refused = false;
          try { await (ATTEMPTS[attempt])(); } catch { refused = true; }
          await new Promise((done) => setTimeout(done, 50));
          while (!violations.length && !refused) await new Promise((done) => setTimeout(done, 50));
          return violations;
        }""".replace("ATTEMPTS[attempt]", f"async () => {{ {attempt} }}"),
        attempt,
    )
    assert directive in "".join(stopped)
    assert shown.page.evaluate("window.ran") is None
    assert shown["h1"].inner_text() == "breast-cancer"
    assert shown.errors
    shown.errors.clear()  # each refusal is told there
    shown.hosts.discard("attacker.example")


def test_a_report_opens_and_nothing_in_it_runs(window: Window, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(
        "<style>h1 { color: rgb(1, 2, 3) }</style><h1>Report</h1><script>document.title = 'ran'</script>"
    )
    shown = window.show(status(), report)
    shown.page.get_by_role("link", name="Report of version").first.click()
    expect(shown["h1"]).to_have_text("Report")
    expect(shown["h1"]).to_have_css("color", "rgb(1, 2, 3)")
    assert shown.page.title() == ""
    shown.page.go_back()
    expect(shown["#freshness"]).to_contain_text("Live measured at ")
    assert any("script" in error for error in shown.errors)
    shown.errors.clear()
