"""Reports over HTTP and as a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.requests import ReserveRequest
from bot.services import booking
from bot.services.transaction import UseCases
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.site import Site, open_site
from tests.support.world import a_host, a_member


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=2)
    wish = ReserveRequest(length=timedelta(hours=4), gpu_count=2)
    berth.write(booking.reserve, a_member(berth), wish)
    clock.advance(hours=1)
    async with open_site(berth, clock, tmp_path) as opened:
        yield opened


async def test_the_report_the_csv_and_the_page_tell_the_same(site: Site) -> None:
    header = token_of(site.berth, "U0ALICE")
    report = (await site.browser.get("/api/v1/report", headers=header)).json()
    assert report["teams"][0]["held_s"] == 2 * 3600
    assert report["capacity_s"] == 2 * 7 * 86400
    start = (site.clock.now() - timedelta(hours=1)).isoformat()
    query = {"start": start, "end": "2030-01-01T00:00:00Z"}
    table = await site.browser.get("/api/v1/report.csv", headers=header, params=query)
    assert table.headers["content-type"].startswith("text/csv")
    assert "team,everyone,held,7200.0,GPU-seconds" in table.text
    await site.by_link()
    page = await site.browser.get("/report?period=day")
    assert page.status_code == 200, page.text
    assert "2.0 of 48.0 GPU-hours" in page.text
    assert (await site.browser.get("/report?period=nonsense")).status_code == 200
