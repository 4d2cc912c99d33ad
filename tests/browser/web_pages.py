"""What tests of the pages do again and again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.web_site import WebSite

SERIOUS = ("serious", "critical")
EXPECTED = ("Failed to load resource: the server responded with a status of",)
"""Chromium says this of every refusal; the page says it in words."""


@contextlib.contextmanager
def watched_page(browser: Browser, *origins: str, **options: Any) -> Iterator[Page]:
    """Open a page; whatever it complains of, or fetches elsewhere, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(timezone_id="Pacific/Auckland", locale="en-GB", **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on(
        "console",
        lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda one: (
            None
            if one.url.startswith((*origins, "data:"))
            else complaints.append(f"request to {one.url}")
        ),
    )
    yield page
    context.close()
    assert [one for one in complaints if not one.startswith(EXPECTED)] == []


def signed_in(page: Page, site: WebSite, path: str, link: str | None = None) -> None:
    """Sign in by a link and open a page."""
    page.goto(link or site.link())
    page.get_by_role("button", name="Sign in as").click()
    page.goto(f"{site.url}{path}")


def axe_finds_nothing(page: Page) -> None:
    """Check a page with axe-core: nothing serious."""
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in SERIOUS
    ]
    assert serious == []
