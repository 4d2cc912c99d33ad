"""The pages of trainings: what they show before and while a run goes, whatever it tells."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.domain.requests import ReserveRequest
from bot.services import booking
from bot.services.transaction import UseCases
from bot.web.pages.charts import HEIGHT, MOST_POINTS, WIDTH, chart
from tests.support.clock import SetClock
from tests.support.fleet import has_trained
from tests.support.site import Site, open_site
from tests.support.world import TINY_RUN, a_host, a_member


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=2)
    wish = ReserveRequest(length=timedelta(hours=4), gpu_count=1, run=TINY_RUN, note="release")
    berth.write(booking.reserve, a_member(berth), wish)
    async with open_site(berth, clock, tmp_path) as opened:
        await opened.by_link()
        yield opened


async def test_a_run_that_waits_has_its_page(site: Site) -> None:
    page = await site.browser.get("/runs/1")
    assert page.status_code == 200, page.text
    assert "tiny.yaml" in page.text
    assert "not started on any host" in page.text


async def test_a_run_under_way_shows_its_epochs_as_charts_and_its_log_as_text(site: Site) -> None:
    site.berth.write(has_trained)
    page = (await site.browser.get("/runs/1")).text
    assert "<polyline" in page
    assert "box_loss from 3 to 2" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "style=" not in page, "the policy would not let it have any effect"


async def test_the_list_leads_to_runs_and_reservations(site: Site) -> None:
    page = (await site.browser.get("/runs")).text
    assert 'href="/runs/1"' in page
    assert 'href="/reservations/1"' in page
    assert (await site.browser.get("/runs?whose=mine")).status_code == 200


@pytest.mark.parametrize("path", ["/runs/99", "/reservations/99", f"/runs/{10**30}"])
async def test_what_does_not_exist_is_told_kindly(site: Site, path: str) -> None:
    page = await site.browser.get(path)
    assert page.status_code == 404
    assert 'role="alert"' in page.text


async def test_a_reservation_has_the_facts_of_its_card(site: Site) -> None:
    page = (await site.browser.get("/reservations/1")).text
    for fact in ("R1", "Alice", "gpu0@host1", "release", "P2, preemptible", 'href="/runs/1"'):
        assert fact in page


figures = some.lists(some.none() | some.floats(), max_size=900)


@given(some.lists(figures, max_size=3))
def test_every_point_of_a_chart_lies_within_it(series: list[list[float | None]]) -> None:
    drawn = chart([(f"line {number}", values) for number, values in enumerate(series)])
    finite = [one for values in series for one in values if one is not None and math.isfinite(one)]
    if not finite:
        assert drawn is None
        return
    assert drawn is not None
    for line in drawn.lines:
        places = [tuple(map(float, point.split(","))) for point in line.points.split()]
        assert len(places) <= MOST_POINTS + 1
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
