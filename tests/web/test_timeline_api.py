"""The timeline as JSON: what is drawn, for whom, how fast, and when there is something new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from bot.domain.maintenance import MaintenanceWish
from bot.domain.people import Role
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.services import booking, maintenance, roles
from bot.services.transaction import Tx, UseCases
from bot.store.run_tables import ContinuationRow
from bot.store.tables import RunRow
from tests.conftest import T0
from tests.support.clock import SetClock
from tests.support.fleet import fill
from tests.support.site import Site, open_site
from tests.support.world import TINY_RUN, a_host, a_member

HOURS = timedelta(hours=1)


@pytest.fixture
async def site(berth: UseCases, clock: SetClock, tmp_path: Path) -> AsyncIterator[Site]:
    a_host(berth, gpus=4)
    async with open_site(berth, clock, tmp_path) as opened:
        await opened.by_link()
        yield opened


def book(site: Site, user: str = "U0ALICE", **wish: Any) -> int:
    request = ReserveRequest(**{"length": 4 * HOURS, "gpu_count": 2, **wish})
    view = site.berth.write(booking.reserve, a_member(site.berth, user), request)
    return view.reservation_id


async def shown(site: Site, **asked: str) -> dict[str, Any]:
    answer = await site.browser.get("/api/v1/timeline", params=asked)
    assert answer.status_code == 200, answer.text
    timeline: dict[str, Any] = answer.json()
    return timeline


async def test_every_gpu_is_a_track_of_its_host(site: Site) -> None:
    a_host(site.berth, "host2", gpus=2)
    timeline = await shown(site)
    assert [(host["name"], len(host["gpus"])) for host in timeline["hosts"]] == [
        ("host1", 4),
        ("host2", 2),
    ]
    assert timeline["hosts"][1]["gpus"][1]["name"] == "gpu1@host2"


async def test_a_reservation_is_one_bar_over_its_gpus(site: Site) -> None:
    number = book(site, note="release", priority=Priority.P1, run=TINY_RUN)
    (bar,) = (await shown(site))["bars"]
    assert bar["reservation_id"] == number
    assert len(bar["gpus"]) == 2
    assert bar["team_name"] == "everyone"
    assert (bar["priority"], bar["kind"], bar["note"]) == ("p1", "work", "release")
    assert (bar["model"], bar["epochs"], bar["done"]) == ("tiny.yaml", 3, 0.0)


async def test_what_is_mine_i_may_change_and_what_is_not_i_may_not(site: Site) -> None:
    book(site)
    book(site, "U0BOB")
    bars = {bar["holder_slack_id"]: bar["may_change"] for bar in (await shown(site))["bars"]}
    assert bars == {"U0ALICE": True, "U0BOB": False}


async def test_a_viewer_is_told_that_dragging_does_not_book(site: Site) -> None:
    admin = a_member(site.berth, "U0DAVE", admin=True)
    site.berth.write(roles.set_role, admin, "U0ALICE", Role.VIEWER)
    assert (await shown(site))["may_book"] is False


async def test_what_is_cancelled_is_gone_and_planned_maintenance_is_there(site: Site) -> None:
    number = book(site)
    site.berth.write(booking.cancel, a_member(site.berth), number, "")
    assert (await shown(site))["bars"] == []
    admin = a_member(site.berth, "U0DAVE", admin=True)
    wish = MaintenanceWish(("host1",), timedelta(hours=4), T0 + timedelta(hours=24), "new driver")
    site.berth.write(maintenance.plan, admin, wish)
    (bar,) = (await shown(site))["bars"]
    assert (bar["kind"], len(bar["gpus"]), bar["note"]) == ("maintenance", 4, "new driver")


async def test_what_had_to_make_room_says_when(site: Site) -> None:
    number = book(site, run=TINY_RUN)
    again = book(site, start=T0 + timedelta(hours=30))

    def make_room(tx: Tx) -> None:
        run = tx.session.scalars(select(RunRow)).one()
        link = ContinuationRow(
            run_id=run.id,
            from_reservation_id=number,
            to_reservation_id=again,
            reason="preempted",
            state="taken",
            created_at=tx.now,
        )
        tx.session.add(link)

    site.berth.write(make_room)
    bars = {bar["reservation_id"]: bar for bar in (await shown(site))["bars"]}
    assert bars[number]["preempted_at"] == bars[number]["ends_at"]
    assert bars[again]["preempted_at"] is None


async def test_filters(site: Site) -> None:
    a_host(site.berth, "host2", gpus=2)
    first = book(site, gpu_names=("gpu0@host1",), gpu_count=1)
    book(site, gpu_names=("gpu0@host2",), gpu_count=1, priority=Priority.P1)
    only = await shown(site, host="host1")
    assert [host["name"] for host in only["hosts"]] == ["host1"]
    assert [bar["reservation_id"] for bar in only["bars"]] == [first]
    assert len((await shown(site, priority="p1"))["bars"]) == 1
    assert (await shown(site, team="nobody"))["bars"] == []
    assert (await shown(site, model="H100"))["hosts"] == []


async def test_nothing_is_told_to_who_is_not_signed_in(site: Site) -> None:
    site.browser.cookies.clear()
    assert (await site.browser.get("/api/v1/timeline")).status_code == 401


async def test_a_wait_ends_with_the_next_change(site: Site) -> None:
    known = (await shown(site))["revision"]
    waiting = asyncio.create_task(
        site.browser.get(f"/api/v1/timeline/revision?known={known}&timeout_s=20")
    )
    await asyncio.sleep(0)
    book(site)
    answer = await asyncio.wait_for(waiting, 10)
    assert answer.json()["revision"] != known
    assert answer.json()["revision"] == (await shown(site))["revision"]


async def test_a_wait_for_nothing_ends_too(site: Site) -> None:
    known = (await shown(site))["revision"]
    answer = await site.browser.get(f"/api/v1/timeline/revision?known={known}&timeout_s=0.2")
    assert answer.json()["revision"] == known


async def test_a_month_of_a_thousand_gpus_is_quick_and_small(site: Site, clock: SetClock) -> None:
    site.berth.write(fill, clock.now(), 125, 8, 6)
    queries: list[str] = []
    event.listen(
        site.berth.database.engine,
        "before_cursor_execute",
        lambda *parts: queries.append(parts[2]),
    )
    begun_s = time.perf_counter()
    async with site.browser.stream("GET", "/api/v1/timeline") as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    took_s = time.perf_counter() - begun_s
    assert answer.headers["content-encoding"] == "gzip"
    assert len(body) < 1_000_000
    assert len([one for one in queries if one.startswith("SELECT")]) < 15
    assert took_s < 3, "a second on a machine of one's own"
    assert len((await shown(site))["bars"]) > 5900
