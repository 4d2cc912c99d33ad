"""A browser for the module, and for each test a stand-in with an app and a page on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.console_app import ConsoleApp

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium. Closed with the module: its event loop would disturb async tests."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: put it on the PATH, or its path into CHROMIUM")
        pytest.skip("no Chromium on the PATH, nor its path in CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def app() -> Iterator[ConsoleApp]:
    """A stand-in of its own for every test, with an app connected to it."""
    with ConsoleApp() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser in a zone that is none of the people's, so that a mix-up shows."""
    fresh = browser.new_context(timezone_id="Pacific/Auckland", locale="en-US")
    fresh.set_default_timeout(TIMEOUT_MS)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext, app: ConsoleApp) -> Iterator[Page]:
    """Alice's console on #gpu. Whatever it complains of, or fetches elsewhere, fails the test."""
    complaints: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))

    def watch(url: str) -> None:
        if not url.startswith((app.url, "data:")):
            complaints.append(f"request to {url}")

    opened.on("request", lambda request: watch(request.url))
    opened.goto(f"{app.url}/#user=U0ALICE&channel=C0GPU")
    opened.get_by_test_id("composer").wait_for()
    yield opened
    assert complaints == []


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept, outside of version control."""
    folder = Path("test-artifacts")
    folder.mkdir(exist_ok=True)
    return folder
