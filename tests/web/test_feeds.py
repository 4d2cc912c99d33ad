"""Calendar feeds: read without a sign-in by whoever has the secret, and parsed back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from sqlalchemy import select

from bot.domain.errors import UnknownOffer
from bot.domain.feeds import FeedKind
from bot.domain.requests import ReserveRequest
from bot.services import booking, changing, feeds
from bot.services.transaction import UseCases
from bot.store.seeing_tables import CalendarLinkRow
from tests.support.clock import SetClock
from tests.support.site import Site, open_site
from tests.support.world import a_host, a_member

NOTE = 'für Ärzte; a,b \\ c\nBEGIN:VEVENT "q" ' + "☃" * 40


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=2)
    for user in ("U0ALICE", "U0BOB"):
        wish = ReserveRequest(
            length=timedelta(hours=2),
            gpu_count=1,
            start=clock.now() + timedelta(hours=4),
            note=NOTE,
        )
        berth.write(booking.reserve, a_member(berth, user), wish)
    async with open_site(berth, clock, tmp_path) as opened:
        yield opened


async def read(site: Site, secret: str) -> dict[str, object]:
    answer = await site.browser.get(f"/calendar/{secret}.ics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/calendar")
    parsed = Calendar.from_ical(answer.content)
    return {str(event["uid"]): event for event in parsed.walk("VEVENT")}


async def test_a_feed_shows_its_events_and_they_come_back_as_written(site: Site) -> None:
    alice = a_member(site.berth)
    mine = site.berth.write(feeds.make, alice, FeedKind.MEMBER)
    team = site.berth.write(feeds.make, alice, FeedKind.TEAM)
    gpu = site.berth.write(feeds.make, alice, FeedKind.GPU, "gpu0@host1")
    assert len(await read(site, mine.secret)) == 1
    assert len(await read(site, team.secret)) == 2
    assert len(await read(site, gpu.secret)) == 1
    event = (await read(site, mine.secret))["reservation-1@berth"]
    assert NOTE in str(event["description"])  # type: ignore[index] # of icalendar, untyped
    assert event["dtstart"].dt == site.clock.now() + timedelta(hours=3, minutes=30)  # type: ignore[index] # the same
    assert str(event["status"]) == "CONFIRMED"  # type: ignore[index] # the same


async def test_changes_and_cancellations_carry_a_higher_sequence(site: Site) -> None:
    alice = a_member(site.berth)
    link = site.berth.write(feeds.make, alice, FeedKind.MEMBER)
    uid = "reservation-1@berth"
    first = (await read(site, link.secret))[uid]
    site.clock.advance(minutes=1)
    start = first["dtstart"].dt  # type: ignore[index] # of icalendar, untyped
    site.berth.write(changing.move, alice, 1, start + timedelta(hours=2))
    moved = (await read(site, link.secret))[uid]
    site.berth.write(booking.cancel, alice, 1, "no data")
    gone = (await read(site, link.secret))[uid]
    assert int(first["sequence"]) < int(moved["sequence"]) < int(gone["sequence"])  # type: ignore[index] # the same
    assert moved["last-modified"].dt > first["last-modified"].dt  # type: ignore[index] # the same
    assert str(gone["status"]) == "CANCELLED"  # type: ignore[index] # the same


async def test_an_unchanged_feed_is_not_sent_again(site: Site) -> None:
    link = site.berth.write(feeds.make, a_member(site.berth), FeedKind.MEMBER)
    path = f"/calendar/{link.secret}.ics"
    first = await site.browser.get(path)
    again = await site.browser.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["cache-control"]
    site.berth.write(booking.cancel, a_member(site.berth), 1, "")
    changed = await site.browser.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


async def test_only_the_digest_is_kept_and_a_revoked_address_shows_nothing(site: Site) -> None:
    alice, bob = a_member(site.berth), a_member(site.berth, "U0BOB")
    link = site.berth.write(feeds.make, alice, FeedKind.MEMBER)
    row = site.berth.database.read(lambda s: s.scalars(select(CalendarLinkRow)).one())
    assert link.secret not in repr(vars(row))
    assert len(link.secret) == 43, "256 bits"
    with pytest.raises(UnknownOffer):
        site.berth.write(feeds.revoke, bob, row.id)
    assert [view.link_id for view in site.berth.read(feeds.listed, alice)] == [row.id]
    site.berth.write(feeds.revoke, alice, row.id)
    site.berth.write(feeds.revoke, alice, row.id)
    assert (await site.browser.get(f"/calendar/{link.secret}.ics")).status_code == 404
    assert (await site.browser.get(f"/calendar/{'x' * 43}.ics")).status_code == 404
    assert site.berth.read(feeds.listed, alice) == ()
