"""Signing in with a real browser: by a link from the bot and through Slack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.store.database import Database
from tests.browser.web_pages import axe_finds_nothing, watched_page
from tests.browser.web_site import WebSite
from tests.support.world import a_host

pytestmark = pytest.mark.browser


@pytest.fixture
def site(sqlite: Database, tmp_path: Path) -> Iterator[WebSite]:
    with WebSite(sqlite, tmp_path) as running:
        a_host(running.berth, gpus=2)
        yield running


@pytest.fixture
def fresh(browser: Browser, site: WebSite) -> Iterator[Page]:
    with watched_page(browser, site.url, site.slack.base_url) as page:
        yield page


def test_a_link_from_the_bot_signs_in_and_signing_out_ends_it(
    fresh: Page, site: WebSite, artifacts: Path
) -> None:
    link = site.link()
    fresh.goto(link)
    axe_finds_nothing(fresh)
    fresh.screenshot(path=str(artifacts / "web-link.png"))
    fresh.get_by_role("button", name="Sign in as Alice").click()
    expect(fresh.get_by_test_id("who")).to_contain_text("Alice")
    expect(fresh.get_by_role("heading", name="Overview")).to_be_visible()
    axe_finds_nothing(fresh)
    fresh.get_by_role("button", name="Sign out", exact=True).click()
    expect(fresh.get_by_role("heading", name="Sign in")).to_be_visible()
    fresh.goto(link, wait_until="commit")
    expect(fresh.get_by_role("alert")).to_contain_text("has been used")


def test_slack_signs_in_and_leads_to_where_one_wanted(
    fresh: Page, site: WebSite, artifacts: Path
) -> None:
    fresh.goto(f"{site.url}/timeline?zoom=month")
    fresh.screenshot(path=str(artifacts / "web-sign-in.png"))
    axe_finds_nothing(fresh)
    fresh.get_by_test_id("by-slack").click()
    fresh.get_by_role("link", name="Continue as Bob").click()
    fresh.wait_for_url("**/timeline?zoom=month")
    expect(fresh.get_by_test_id("who")).to_contain_text("bob")
