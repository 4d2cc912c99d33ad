"""What tests do on the console's page again and again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect


def send(page: Page, text: str) -> None:
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")


def open_modal(page: Page, command: str) -> Locator:
    send(page, command)
    modal = page.get_by_test_id("modal")
    expect(modal).to_be_visible()
    return modal


def until(page: Page, done: Callable[[], bool]) -> None:
    """Let the page and the app go on until something is true of the app."""
    for _ in range(200):
        if done():
            return
        page.wait_for_timeout(25)
    pytest.fail("it did not happen in time")


def said(page: Page, text: str) -> Locator:
    return page.get_by_test_id("log").get_by_test_id("message").filter(has_text=text)
