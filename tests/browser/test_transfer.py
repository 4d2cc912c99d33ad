"""Alice hands a reservation over; Bob takes it in his direct messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.console_page import open_modal, send
from tests.e2e.world import World, run_world

pytestmark = [pytest.mark.browser, pytest.mark.e2e]
DELIVERY_MS = 20_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from run_world(tmp_path_factory.mktemp("transfer") / "demo")


def console(context: BrowserContext, world: World, user: str, channel: str = "C0GPU") -> Page:
    page = context.new_page()
    page.goto(f"{world.address}/#user={user}&channel={channel}")
    page.get_by_test_id("composer").wait_for()
    return page


def test_a_reservation_is_offered_by_name_and_accepted_by_button(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    alice = console(context, world, "U0ALICE")
    send(alice, "/gpu reserve 1 tomorrow 18:00 4h")
    card = alice.get_by_test_id("message").filter(has_text="R1 · booked · @alice")
    card = card.filter(has_not_text="Only visible to you")
    expect(card).to_be_visible(timeout=DELIVERY_MS)
    send(alice, "/gpu transfer R1 @bob on leave")
    offered = alice.get_by_test_id("message").filter(has_text="R1 is offered to @bob")
    expect(offered).to_be_visible()
    alice.screenshot(path=str(artifacts / "transfer-offered.png"))

    bob = console(context, world, "U0BOB", "D0BOB")
    asked = bob.get_by_test_id("message").filter(has_text="wants to hand R1 over to you")
    expect(asked).to_be_visible(timeout=DELIVERY_MS)
    bob.screenshot(path=str(artifacts / "transfer-asked.png"))
    asked.get_by_role("button", name="Accept").click()
    expect(bob.get_by_test_id("message").filter(has_text="You took R1 over")).to_be_visible()
    expect(bob.get_by_role("button", name="Accept")).to_have_count(0)

    taken = alice.get_by_test_id("message").filter(has_text="R1 · booked · @bob")
    expect(taken).to_have_count(1, timeout=DELIVERY_MS)
    alice.screenshot(path=str(artifacts / "transfer-card.png"))
    assert world.rows(
        "SELECT m.slack_user_id FROM reservations r JOIN members m ON m.id = r.member_id"
    ) == [("U0BOB",)]


def test_without_a_name_a_form_asks_to_whom_and_declining_asks_why(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    bob = console(context, world, "U0BOB")
    modal = open_modal(bob, "/gpu transfer R1")
    expect(modal).to_contain_text("Transfer R1")
    bob.screenshot(path=str(artifacts / "transfer-form.png"))
    modal.get_by_test_id("field-person").select_option("U0ALICE")
    modal.get_by_label("Reason").fill("back to you")
    modal.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()
    alice = console(context, world, "U0ALICE", "D0ALICE")
    asked = alice.get_by_test_id("message").filter(has_text="back to you")
    expect(asked).to_be_visible(timeout=DELIVERY_MS)
    asked.get_by_role("button", name="Decline").click()
    form = alice.get_by_test_id("modal")
    form.get_by_label("Why").fill("keep it")
    form.get_by_test_id("modal-submit").click()
    expect(form).to_be_hidden()
    expect(alice.get_by_test_id("message").filter(has_text="You declined R1")).to_be_visible()
    told = console(context, world, "U0BOB", "D0BOB").get_by_test_id("message")
    expect(told.filter(has_text="keep it")).to_be_visible(timeout=DELIVERY_MS)
