"""One browser for these tests, wherever there is one; elsewhere they are skipped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import Window, chromium, launched

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where no browser is installed, unless `make test-browser` has just installed one."""
    if chromium() is not None or os.environ.get("MLCLOUD_TEST_BROWSER") == "1":
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="there is no chromium: `make test-browser` installs it"))


# Not for the whole session: its event loop runs in this thread, where other tests want one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture
def window(browser: Browser) -> Iterator[Window]:
    opened = Window(browser)
    yield opened
    opened.close()
