"""A status page in a real browser, and what the browser saw beside what it shows."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from support.page_status import ShownStatus
from support.waiting import LIMIT_S

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
# A port that refuses is what a test wants when it closes the page's server.
_REFUSED = re.compile(r"Failed to load resource: net::ERR_(CONNECTION_(REFUSED|RESET)|EMPTY_RESPONSE)")

expect.set_options(timeout=LIMIT_S * 1000)


def chromium() -> str | None:
    """The browser of this machine; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium without a window, with a profile of its own that goes with it, and no name but this machine's.

    Its sandbox stays off: it cannot be had as root, nor in most containers, and it only opens our own page.
    """
    executable = chromium()
    assert executable is not None, "there is no chromium: `make test-browser` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            env={key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
            timeout=LIMIT_S * 1000,
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Shown:
    """A page that shows a status.

    Attributes:
        page: the page.
        status: what it shows, for a test to change.
        errors: what the browser complained of.
        hosts: whom it asked for anything, with the port.
        address: the page's own.
    """

    page: Page
    status: ShownStatus
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    address: str = ""

    def __post_init__(self) -> None:
        self.address = self.status.server.url
        self.page.set_default_timeout(LIMIT_S * 1000)
        self.page.on("console", lambda message: self._complaint(message.type, message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _complaint(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not _REFUSED.match(text):
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob"):
            self.hosts.add(parts.netloc)

    def load(self) -> "Shown":
        self.page.goto(self.address)
        expect(self.page.locator("body")).not_to_have_attribute("data-freshness", "waiting")
        return self

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def part(self, tile: str, name: str = "now") -> Locator:
        """A figure of a tile."""
        return self.page.locator(f'#tile-{tile} [data-part="{name}"]')

    def row(self, table: str, name: str) -> Locator:
        """The row of a table whose head begins with a name."""
        return self.page.locator(f"#{table} tr").filter(has=self.page.locator("th", has_text=name))

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


@dataclass
class Window:
    """Where a test opens status pages; each is looked at again in the end."""

    browser: Browser
    opened: list[tuple[BrowserContext, Shown]] = field(default_factory=list)

    def show(self, content: Mapping[str, Any], report: Path | None = None, **options: Any) -> Shown:
        """Serve a status and open its page.

        Args:
            content: the status.
            report: what every version has as its report.
            options: of the browser's context: size, colour scheme, and so on.
        """
        status = ShownStatus(content, lambda _: report)
        status.server.start()
        context = self.browser.new_context(**options)
        shown = Shown(context.new_page(), status)
        self.opened.append((context, shown))
        return shown.load()

    def close(self) -> None:
        """Close all, and see that no page complained or asked anybody else for anything."""
        for context, shown in self.opened:
            context.close()
            shown.status.server.close()
        for _, shown in self.opened:
            assert shown.errors == []
            assert shown.hosts == {urlsplit(shown.address).netloc}
