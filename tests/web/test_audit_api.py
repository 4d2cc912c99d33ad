"""The audit log over HTTP: filters, pages, the export, and who may see what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.services import audit_chain, booking
from bot.services.transaction import UseCases
from tests.support.api import token_of
from tests.support.clock import SetClock
from tests.support.site import Site, open_site
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host, a_member


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=8)
    a_member(berth, admin=True)
    vision, sound = a_team(berth, "vision"), a_team(berth, "sound")
    for team, user, role in (
        (vision, "U0BOB", Role.MEMBER),
        (vision, "U0CAROL", Role.LEAD),
        (sound, "U0DAVE", Role.MEMBER),
    ):
        member = a_member_of(berth, team, user, role)
        wish = ReserveRequest(length=timedelta(hours=4), gpu_count=1, note=user)
        berth.write(booking.reserve, member, wish)
    berth.write(audit_chain.seal)
    async with open_site(berth, clock, tmp_path) as opened:
        yield opened


async def booked_by(site: Site, user: str, query: str = "") -> set[str]:
    header = token_of(site.berth, user)
    answer = await site.browser.get(
        f"/api/v1/audit?action=reservation.booked{query}", headers=header
    )
    assert answer.status_code == 200, answer.text
    return {event["actor"] for event in answer.json()["events"]}


async def test_everybody_sees_what_they_may(site: Site) -> None:
    assert await booked_by(site, "U0ALICE") == {"U0BOB", "U0CAROL", "U0DAVE"}
    assert await booked_by(site, "U0CAROL") == {"U0BOB", "U0CAROL"}
    assert await booked_by(site, "U0BOB") == {"U0BOB"}
    assert await booked_by(site, "U0BOB", "&who=Dave") == set()


async def test_filters_pages_and_the_export_agree(site: Site) -> None:
    header = token_of(site.berth, "U0ALICE")
    seen: list[int] = []
    cursor = ""
    while True:
        answer = await site.browser.get(f"/api/v1/audit?limit=2{cursor}", headers=header)
        page = answer.json()
        seen += [event["id"] for event in page["events"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    exported = await site.browser.get("/api/v1/audit/export", headers=header)
    lines = [json.loads(line) for line in exported.text.splitlines()]
    assert [line["id"] for line in lines] == seen[::-1]
    assert all(line["sha256"] for line in lines if line["action"] == "reservation.booked")
    assert await booked_by(site, "U0ALICE", "&subject_type=reservation&subject_id=2") == {"U0CAROL"}
    assert await booked_by(site, "U0ALICE", "&until=2026-01-01T00:00:00Z") == set()


async def test_the_page_searches_and_shows_only_text(site: Site) -> None:
    await site.by_link("U0CAROL")
    page = await site.browser.get("/audit?what=R1&who=bob&since=2026-01-01")
    assert page.status_code == 200, page.text
    assert "reservation.booked" in page.text
    assert "/reservations/1" in page.text
    wrong = await site.browser.get("/audit?what=nonsense&since=never&cursor=x")
    assert wrong.status_code == 200
    assert "a date such as" in wrong.text
