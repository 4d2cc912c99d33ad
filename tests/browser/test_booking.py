"""A newcomer books in the browser, and watches the card reach its completion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.console_page import open_modal, send
from tests.e2e.world import World, run_world

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.training]
TRAINING_TIMEOUT_MS = 240_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from run_world(tmp_path_factory.mktemp("browser") / "demo")


def console(context: BrowserContext, world: World, user: str) -> Page:
    page = context.new_page()
    page.goto(f"{world.address}/#user={user}&channel=C0GPU")
    page.get_by_test_id("composer").wait_for()
    return page


def test_a_training_booked_in_the_form_is_followed_to_its_end(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    page = console(context, world, "U0ALICE")
    modal = open_modal(page, "/gpu reserve")
    modal.get_by_test_id("field-gpus").fill("2")
    modal.get_by_label("Start now").check()
    modal.get_by_label("Start a training").check()
    epochs = modal.get_by_label("Epochs")
    expect(epochs).to_be_visible()
    epochs.fill("25")
    modal.get_by_label("Note").fill("release candidate")
    page.screenshot(path=str(artifacts / "booking-modal.png"))
    modal.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()

    card = page.get_by_test_id("log").get_by_test_id("message").filter(has_text="R1 ·")
    card = card.filter(has_text="release candidate").filter(has_not_text="Only visible to you")
    expect(card).to_contain_text("running", timeout=TRAINING_TIMEOUT_MS)
    expect(card).to_contain_text("left", timeout=TRAINING_TIMEOUT_MS)
    page.screenshot(path=str(artifacts / "card-running.png"))
    expect(card).to_contain_text("25/25 epochs in", timeout=TRAINING_TIMEOUT_MS)
    expect(card).to_contain_text("mAP50")
    plot = card.get_by_role("img", name="Training curves")
    expect(plot).to_be_visible(timeout=30_000)
    assert plot.evaluate("image => image.naturalWidth") > 100
    expect(card).to_have_count(1)
    page.screenshot(path=str(artifacts / "card-finished.png"))


def test_a_refused_booking_is_put_right_with_one_click(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    page = console(context, world, "U0BOB")
    send(page, "/gpu reserve 2 now 2h")
    refusal = page.get_by_test_id("message").filter(has_text="These windows do fit")
    expect(refusal).to_be_visible()
    page.screenshot(path=str(artifacts / "refusal.png"))
    refusal.get_by_role("button", name="Book this").first.click()
    card = page.get_by_test_id("message").filter(has_text="R2 · booked")
    expect(card.first).to_be_visible()
    page.screenshot(path=str(artifacts / "refusal-taken.png"))


def test_the_home_tab_shows_what_is_mine(
    context: BrowserContext, world: World, artifacts: Path
) -> None:
    page = console(context, world, "U0BOB")
    page.get_by_test_id("app-home").click()
    home = page.get_by_test_id("home-view")
    expect(home).to_contain_text("R2")
    expect(home.get_by_role("button", name="Reserve")).to_be_visible()
    page.screenshot(path=str(artifacts / "home.png"))
