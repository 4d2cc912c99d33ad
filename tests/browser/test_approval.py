"""Bob asks for P0 in the browser; Alice, an admin, books it with one click."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.console_page import send
from tests.e2e.world import World, run_world

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from run_world(tmp_path_factory.mktemp("approval") / "demo")


def console(context: BrowserContext, world: World, user: str) -> Page:
    page = context.new_page()
    page.goto(f"{world.address}/#user={user}&channel=C0GPU")
    page.get_by_test_id("composer").wait_for()
    return page


def card(page: Page, words: str) -> Locator:
    cards = page.get_by_test_id("log").get_by_test_id("message").filter(has_text="R1 ·")
    return cards.filter(has_text=words).filter(has_not_text="Only visible to you")


def private(page: Page, words: str) -> Locator:
    messages = page.get_by_test_id("message").filter(has_text="Only visible to you")
    return messages.filter(has_text=words)


def test_bob_asks_may_not_approve_himself_and_alice_approves(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    alice = console(context, world, "U0ALICE")
    send(alice, "/gpu status")
    expect(private(alice, "GPUs now").first).to_be_visible()

    bob = console(context, world, "U0BOB")
    send(bob, "/gpu reserve 1 tomorrow 18:00 4h p0 hotfix for the demo")
    expect(private(bob, "Asked for approval of R1").first).to_be_visible()
    waiting = card(bob, "waits for approval")
    expect(waiting).to_contain_text("P0 may take GPUs from others")
    bob.screenshot(path=str(artifacts / "approval-asked.png"))
    waiting.get_by_role("button", name="Approve").click()
    bob.get_by_test_id("confirm-yes").click()
    expect(private(bob, "is decided by a lead of").first).to_be_visible()
    bob.screenshot(path=str(artifacts / "approval-not-allowed.png"))

    card(alice, "waits for approval").get_by_role("button", name="Approve").click()
    alice.get_by_test_id("confirm-yes").click()
    expect(private(alice, "is approved and booked").first).to_be_visible()
    expect(card(alice, "R1 · booked")).to_contain_text("Approved by")
    expect(card(bob, "R1 · booked")).to_have_count(1)
    alice.screenshot(path=str(artifacts / "approval-given.png"))


def test_alice_declines_with_a_reason_that_bob_reads(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    bob = console(context, world, "U0BOB")
    send(bob, "/gpu reserve 1 tomorrow 06:00 4h p0")
    alice = console(context, world, "U0ALICE")
    asked = alice.get_by_test_id("log").get_by_test_id("message").filter(has_text="R2 · waits")
    asked.get_by_role("button", name="Decline…").click()
    modal = alice.get_by_test_id("modal")
    expect(modal).to_contain_text("Decline R2")
    modal.get_by_label("Why?").fill("the demo has moved")
    alice.screenshot(path=str(artifacts / "approval-decline.png"))
    modal.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()
    declined = bob.get_by_test_id("log").get_by_test_id("message").filter(has_text="R2 · cancelled")
    expect(declined.first).to_contain_text("the demo has moved")
    bob.screenshot(path=str(artifacts / "approval-declined.png"))
