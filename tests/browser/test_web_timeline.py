"""The timeline as people use it: by mouse, keyboard and finger, bright and dark, near and far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.domain.views import ReservationView
from bot.services import booking, queries, roles
from bot.store.database import Database
from tests.browser.web_pages import axe_finds_nothing, signed_in, watched_page
from tests.browser.web_site import WebSite
from tests.support.fleet import fill, has_trained
from tests.support.world import TINY_RUN, a_host, a_member

pytestmark = pytest.mark.browser
SLOT = timedelta(hours=2)


@pytest.fixture
def site(sqlite: Database, tmp_path: Path) -> Iterator[WebSite]:
    with WebSite(sqlite, tmp_path) as running:
        a_host(running.berth, "host1", gpus=4)
        a_host(running.berth, "host2", gpus=2)
        yield running


@pytest.fixture
def page(browser: Browser, site: WebSite) -> Iterator[Page]:
    with watched_page(browser, site.url) as opened:
        yield opened


def at(hours: float) -> datetime:
    """Return the start of a slot, so many hours after that of the next but one."""
    now = datetime.now(UTC)
    slot = now.replace(hour=now.hour // 2 * 2, minute=0, second=0, microsecond=0)
    return slot + 2 * SLOT + timedelta(hours=hours)


def book(site: WebSite, user: str = "U0ALICE", **wish: Any) -> ReservationView:
    request = ReserveRequest(
        **{"length": 2 * SLOT, "start": at(0), "gpu_names": ("gpu0@host1",), **wish}
    )
    return site.berth.write(booking.reserve, a_member(site.berth, user), request)


def reservation(site: WebSite, number: int) -> ReservationView:
    return site.berth.read(queries.reservation, number)


def opened(page: Page, site: WebSite, query: str = "?zoom=day") -> None:
    signed_in(page, site, f"/timeline{query}")
    page.locator("html[data-ready=yes]").wait_for()


def track(page: Page, gpu: str) -> Locator:
    name = page.get_by_role("button", name=re.compile(f"^{re.escape(gpu)},"))
    return page.get_by_role("row").filter(has=name)


def bar(page: Page, gpu: str, number: int) -> Locator:
    return track(page, gpu).locator(f'[data-r="{number}"]')


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def box(of: Locator) -> dict[str, float]:
    found = of.bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


def name_of(page: Page, gpu: str) -> dict[str, float]:
    """Return where a track's name is: it stays at the left, the track itself is far longer."""
    return box(track(page, gpu).locator(".tl-name"))


def px_per_hour(page: Page) -> float:
    """A day is as wide as what is seen of the tracks."""
    seen = page.locator(".tl-scroll").evaluate(
        "e => e.clientWidth - e.querySelector('.tl-corner').offsetWidth"
    )
    return float(seen) / 24


def test_dragging_over_free_time_of_two_gpus_books_them(
    page: Page, site: WebSite, artifacts: Path
) -> None:
    opened(page, site)
    first, second = name_of(page, "gpu1@host1"), name_of(page, "gpu2@host1")
    x = first["x"] + 500
    drag(
        page,
        (x, first["y"] + 16),
        (x + 4 * px_per_hour(page), second["y"] + 16),
    )
    dialog = page.get_by_role("dialog", name="Book 2 GPUs")
    expect(dialog).to_contain_text("gpu1@host1, gpu2@host1")
    dialog.get_by_label("Note").fill("by dragging")
    page.screenshot(path=str(artifacts / "timeline-booking.png"))
    axe_finds_nothing(page)
    dialog.get_by_role("button", name="Book").click()
    expect(page.get_by_role("status")).to_contain_text("Booked: R1")
    expect(bar(page, "gpu1@host1", 1)).to_contain_text("by dragging")
    expect(bar(page, "gpu2@host1", 1)).to_be_visible()
    booked = reservation(site, 1)
    assert {gpu.name for gpu in booked.gpus} == {"gpu1@host1", "gpu2@host1"}
    assert booked.window.length in (2 * SLOT, 3 * SLOT)
    assert booked.window.start.minute == 0


def test_dragging_ones_own_moves_it_after_a_question(page: Page, site: WebSite) -> None:
    view = book(site)
    opened(page, site, "?zoom=day&r=1")
    place = box(bar(page, "gpu0@host1", 1))
    x, y = place["x"] + 20, place["y"] + 10
    drag(page, (x, y), (x + 4 * px_per_hour(page), y))
    dialog = page.get_by_role("dialog", name="Move R1?")
    assert reservation(site, 1).window == view.window, "nothing happens before the answer"
    dialog.get_by_role("button", name="Move").click()
    expect(page.get_by_role("status")).to_contain_text("Moved: R1")
    assert reservation(site, 1).window.start == view.window.start + 2 * SLOT
    assert reservation(site, 1).window.length == view.window.length


def test_dragging_its_end_makes_it_longer(page: Page, site: WebSite) -> None:
    view = book(site)
    opened(page, site, "?zoom=day&r=1")
    place = box(bar(page, "gpu0@host1", 1))
    x, y = place["x"] + place["width"] - 3, place["y"] + 10
    drag(page, (x, y), (x + 2 * px_per_hour(page), y))
    page.get_by_role("dialog", name="Extend R1?").get_by_role("button", name="Extend").click()
    expect(page.get_by_role("status")).to_contain_text("Extended: R1")
    assert reservation(site, 1).window.end == view.window.end + SLOT


def test_escape_ends_a_drag_and_nothing_happens(page: Page, site: WebSite) -> None:
    opened(page, site)
    place = name_of(page, "gpu1@host1")
    page.mouse.move(place["x"] + 500, place["y"] + 16)
    page.mouse.down()
    page.mouse.move(place["x"] + 700, place["y"] + 16, steps=4)
    expect(page.locator(".tl-ghost")).to_be_visible()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".tl-ghost")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_refusal_says_why_and_books_what_fits_instead(
    page: Page, site: WebSite, artifacts: Path
) -> None:
    book(site, "U0BOB", start=at(4))
    opened(page, site)
    taken = box(bar(page, "gpu0@host1", 1))
    y = taken["y"] + 10
    drag(page, (taken["x"] - 1.5 * px_per_hour(page), y), (taken["x"] + 20, y))
    page.get_by_role("dialog", name="Book 1 GPU").get_by_role("button", name="Book").click()
    refusal = page.get_by_role("dialog", name="That does not work")
    expect(refusal.get_by_role("alert")).to_contain_text("Bob")
    in_paris = at(4).astimezone(ZoneInfo("Europe/Paris"))
    expect(refusal.get_by_role("alert")).to_contain_text(f"{in_paris:%H:%M}")
    page.screenshot(path=str(artifacts / "timeline-refusal.png"))
    axe_finds_nothing(page)
    refusal.locator(".tl-others button").first.click()
    expect(page.get_by_role("status")).to_contain_text("Booked: R2")
    assert reservation(site, 2).holder_name == "Alice"


def test_what_others_hold_is_shown_and_not_dragged(page: Page, site: WebSite) -> None:
    book(site, "U0BOB", note="nightly")
    opened(page, site)
    theirs = bar(page, "gpu0@host1", 1)
    place = box(theirs)
    x, y = place["x"] + 20, place["y"] + 10
    drag(page, (x, y), (x + 3 * px_per_hour(page), y))
    expect(page.get_by_role("dialog", name=re.compile("Move"))).to_have_count(0)
    page.keyboard.press("Escape")
    theirs.hover()
    tip = page.locator(".tl-tip")
    expect(tip).to_contain_text("nightly")
    expect(tip).to_contain_text("1 GPU: gpu0@host1")


def test_all_of_it_by_keyboard(page: Page, site: WebSite, artifacts: Path) -> None:
    book(site, note="release", run=TINY_RUN)
    opened(page, site)
    page.locator('.tl-focus[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus")).to_have_attribute("aria-label", re.compile("gpu0@host1"))
    page.keyboard.press("ArrowRight")
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("aria-label", re.compile(r"R1 · Alice · release.*booked"))
    expect(page.locator(".tl-tip")).to_contain_text("release")
    page.screenshot(path=str(artifacts / "timeline-keyboard.png"))
    page.keyboard.press("Enter")
    details = page.get_by_role("dialog", name=re.compile("R1"))
    expect(details.get_by_role("button", name=re.compile("Extend by 2 h"))).to_be_visible()
    axe_finds_nothing(page)
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(page.locator(":focus")).to_have_attribute("data-r", "1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Book 1 GPU")
    expect(form).to_contain_text("gpu1@host1")
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Booked: R2")
    assert reservation(site, 2).note == "typed"


def test_a_host_folds_up_and_filters_leave_the_rest_dotted(page: Page, site: WebSite) -> None:
    book(site)
    opened(page, site)
    page.get_by_role("button", name=re.compile("^host1,")).click()
    expect(track(page, "gpu0@host1")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^host1,")).click()
    page.locator("#filter-priority").select_option("p1")
    expect(bar(page, "gpu0@host1", 1)).to_have_class(re.compile("tl-other"))
    page.locator("#filter-host").select_option("host2")
    expect(track(page, "gpu0@host1")).to_have_count(0)
    expect(track(page, "gpu0@host2")).to_be_visible()
    assert "priority=p1" in page.url
    assert "host=host2" in page.url


def test_what_others_do_appears_by_itself(page: Page, site: WebSite) -> None:
    opened(page, site)
    view = book(site, "U0BOB")
    appeared = bar(page, "gpu0@host1", view.reservation_id)
    expect(appeared).to_be_visible()
    site.berth.write(booking.cancel, a_member(site.berth, "U0BOB"), 1, "")
    expect(appeared).to_have_count(0)


def test_an_address_leads_to_a_reservation_and_from_it_to_the_timeline(
    page: Page, site: WebSite, artifacts: Path
) -> None:
    book(site, start=at(100), note="far ahead")
    opened(page, site, "?zoom=day&r=1")
    expect(page.locator(":focus")).to_have_attribute("data-r", "1")
    expect(bar(page, "gpu0@host1", 1)).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="All details").click()
    expect(page.get_by_role("heading", name="R1")).to_be_visible()
    expect(page.get_by_text("far ahead")).to_be_visible()
    page.screenshot(path=str(artifacts / "web-reservation.png"))
    axe_finds_nothing(page)
    page.get_by_role("link", name="In the timeline").click()
    expect(bar(page, "gpu0@host1", 1)).to_be_in_viewport()


CLOCKS = """async (instants) => {
  const zoned = await import('/static/zoned.js');
  return instants.map((ms) => [zoned.toInput(ms), zoned.fromInput(zoned.toInput(ms)), zoned.midnight(ms, 1)]);
}"""  # noqa: E501 - JavaScript


def test_clocks_that_change_are_read_as_python_reads_them(page: Page, site: WebSite) -> None:
    """Every hour around both changes of a year, in the member's zone, not the browser's."""
    signed_in(page, site, "/")
    paris = ZoneInfo("Europe/Paris")
    hours = [
        day + timedelta(hours=hour)
        for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC))
        for hour in range(72)
    ]
    read = page.evaluate(CLOCKS, [each.timestamp() * 1000 for each in hours])
    for instant, (shown, back_ms, midnight_ms) in zip(hours, read, strict=True):
        local = instant.astimezone(paris)
        assert shown == f"{local:%Y-%m-%dT%H:%M}"
        assert datetime.fromtimestamp(back_ms / 1000, UTC) in (
            instant,
            local.replace(fold=0).astimezone(UTC),
            local.replace(fold=1).astimezone(UTC),
        )
        tomorrow = (local + timedelta(days=1)).date()
        begins = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=paris)
        assert midnight_ms / 1000 == begins.timestamp()


def test_a_viewer_looks_and_cannot_book(page: Page, site: WebSite) -> None:
    a_member(site.berth)
    admin = a_member(site.berth, "U0DAVE", admin=True)
    site.berth.write(roles.set_role, admin, "U0ALICE", Role.VIEWER)
    opened(page, site)
    place = name_of(page, "gpu1@host1")
    drag(page, (place["x"] + 500, place["y"] + 16), (place["x"] + 700, place["y"] + 16))
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, site: WebSite, scheme: Any, artifacts: Path
) -> None:
    book(site, run=TINY_RUN)
    book(site, "U0BOB", gpu_names=("gpu1@host1", "gpu2@host1"), note="nightly")
    with watched_page(browser, site.url, color_scheme=scheme) as page:
        opened(page, site, "?zoom=3days")
        axe_finds_nothing(page)
        page.screenshot(path=str(artifacts / f"timeline-{scheme}.png"))


def test_a_phone_scrolls_by_finger_and_books_by_tapping(
    browser: Browser, site: WebSite, artifacts: Path
) -> None:
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    with watched_page(browser, site.url, **phone) as page:
        opened(page, site, "")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        axe_finds_nothing(page)
        page.screenshot(path=str(artifacts / "timeline-phone.png"))
        place = name_of(page, "gpu1@host1")
        page.touchscreen.tap(place["x"] + 250, place["y"] + 16)
        form = page.get_by_role("dialog", name="Book 1 GPU")
        page.screenshot(path=str(artifacts / "timeline-phone-booking.png"))
        form.get_by_role("button", name="Book").tap()
        expect(page.get_by_role("status")).to_contain_text("Booked: R1")


FRAMES = """async (down) => {
  const view = document.querySelector('.tl-scroll');
  for (let i = 0; i < 100; i += 1) {
    if (down) view.scrollTop += 120; else view.scrollLeft += 90;
    await new Promise((drawn) => requestAnimationFrame(drawn));
  }
  return document.querySelectorAll('*').length;
}"""
FRAME_MS = 16.7


def test_the_pages_of_a_training_are_fit_for_all(
    page: Page, site: WebSite, artifacts: Path
) -> None:
    book(site, run=TINY_RUN)
    site.berth.write(has_trained)
    signed_in(page, site, "/runs")
    axe_finds_nothing(page)
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("img", name=re.compile("box_loss from 3 to 2"))).to_be_visible()
    axe_finds_nothing(page)
    page.screenshot(path=str(artifacts / "web-run.png"), full_page=True)


def test_a_thousand_gpus_over_a_month_scroll_smoothly(page: Page, site: WebSite) -> None:
    """A frame's work fits a frame; in processor time, so that a busy machine does not matter."""
    a_member(site.berth, "U0CAROL")
    site.berth.write(fill, at(0), 125, 8, 6)
    opened(page, site, "?zoom=month")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked_s() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    assert worked_s() < 2, "the page can be used soon"
    for down in (True, False):
        before = worked_s()
        elements = page.evaluate(FRAMES, down)
        assert elements < 3000
        assert (worked_s() - before) / 100 * 1000 < FRAME_MS
