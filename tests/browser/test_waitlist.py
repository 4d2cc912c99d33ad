"""Bob waits for a full window; Alice gives it back; Bob is asked and takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.console_page import send
from tests.e2e.world import World, run_world

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from run_world(tmp_path_factory.mktemp("waitlist") / "demo")


def console(context: BrowserContext, world: World, user: str, channel: str = "C0GPU") -> Page:
    page = context.new_page()
    page.goto(f"{world.address}/#user={user}&channel={channel}")
    page.get_by_test_id("composer").wait_for()
    return page


def test_bob_waits_and_takes_what_alice_gives_back(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    alice = console(context, world, "U0ALICE")
    send(alice, "/gpu reserve 2 tomorrow 18:00 4h")
    expect(alice.get_by_test_id("message").filter(has_text="Booked R1")).to_be_visible()

    bob = console(context, world, "U0BOB")
    start = alice_start(world)
    send(bob, f"/gpu reserve 2 {start} 4h")
    refusal = bob.get_by_test_id("message").filter(has_text="These windows do fit")
    expect(refusal).to_be_visible()
    bob.screenshot(path=str(artifacts / "waitlist-refusal.png"))
    refusal.get_by_role("button", name="Join the waitlist").click()
    joined = bob.get_by_test_id("message").filter(has_text="You are on the waitlist")
    expect(joined).to_contain_text("You are first in line")

    send(alice, "/gpu cancel R1 demo moved")
    direct = console(context, world, "U0BOB", "D0BOB")
    offer = direct.get_by_test_id("message").filter(has_text="It is your turn")
    expect(offer).to_be_visible()
    direct.screenshot(path=str(artifacts / "waitlist-offer.png"))
    offer.get_by_role("button", name="Accept").click()
    taken = direct.get_by_test_id("message").filter(has_text="It is yours: R2")
    expect(taken).to_be_visible()
    expect(direct.get_by_role("button", name="Accept")).to_have_count(0)
    direct.screenshot(path=str(artifacts / "waitlist-taken.png"))

    card = alice.get_by_test_id("message").filter(has_text="R2 · booked")
    expect(card).to_be_visible()


def alice_start(world: World) -> str:
    """Return when Alice's reservation starts, as a command says it in any zone."""
    with world.database.engine.connect() as connection:
        (start,) = connection.exec_driver_sql("SELECT starts_at FROM reservations").one()
    return str(start).replace(" ", "T")[:16] + "Z"
