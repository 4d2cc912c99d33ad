"""GPUs that break, go or are taken for maintenance while sixteen book them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from bot.domain.maintenance import Effects, MaintenanceWish
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.protocol.messages import GpuInventory, GpuReading, RegisterRequest, Report
from bot.services import booking, hardware, hosts, maintenance, queries, upkeep
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.tables import ClaimRow, GpuRow, OutboxRow
from bot.store.timers import DueTimer
from tests.support.clock import SetClock
from tests.support.rival import RIVALS, all_at_once, try_to_book, use_cases_over
from tests.support.world import a_host, a_member

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
WISH = ReserveRequest(TWO_HOURS, start=NOW + TWO_HOURS)
OVERLAPS = text(
    "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
    " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
)
THE_ONE = 7
"""The number of the rival who does not book."""


@pytest.fixture
def berth(database: Database) -> UseCases:
    berth = use_cases_over(database, NOW)
    for number in range(RIVALS):
        a_member(berth, f"U0T{number}")
    return berth


def overlaps(berth: UseCases) -> int:
    return berth.database.read(lambda session: session.execute(OVERLAPS).scalar()) or 0


def on_gpu(berth: UseCases, index: int) -> set[int]:
    """Return the reservations with a live claim on the GPU of that index."""
    return berth.database.read(
        lambda session: set(
            session.scalars(
                select(ClaimRow.reservation_id)
                .join(GpuRow, GpuRow.id == ClaimRow.gpu_id)
                .where(ClaimRow.live, GpuRow.index == index)
            )
        )
    )


def told(berth: UseCases, kind: str) -> set[int]:
    """Return the reservations whose holders were sent a notice of that kind."""
    rows = berth.database.read(lambda session: session.scalars(select(OutboxRow)).all())
    return {row.reservation_id for row in rows if row.payload.get("kind") == kind}


def report(berth: UseCases, host_id: int, indices: range) -> None:
    """Let the host say what it has now."""
    readings = tuple(
        GpuReading(uuid=f"GPU-host1-{index}", utilisation_percent=0.0) for index in indices
    )
    now = berth.clock.now()
    berth.write(hosts.take_report, Report(host_id=host_id, sent_at=now, gpus=readings))


def timers_due(berth: UseCases) -> dict[tuple[str, int], DueTimer]:
    """Claim everything that is due."""
    found: dict[tuple[str, int], DueTimer] = {}
    while timers := berth.write(upkeep.claim_timers, "race"):
        found |= {(timer.kind, timer.subject_id): timer for timer in timers}
    return found


def fire_rest(berth: UseCases) -> None:
    while timers := berth.write(upkeep.claim_timers, "rest"):
        for timer in timers:
            berth.write(upkeep.fire, timer, "rest")


def clock_of(berth: UseCases) -> SetClock:
    assert isinstance(berth.clock, SetClock)
    return berth.clock


def without_the_first(berth: UseCases) -> None:
    """Let the agent come back without its first GPU."""
    gpus = tuple(
        GpuInventory(
            uuid=f"GPU-host1-{index}", model="A100", memory_mib=81920, index=index, simulated=True
        )
        for index in range(1, 4)
    )
    request = RegisterRequest(
        protocol_version=1, agent_version="test", host_name="host1", gpus=gpus
    )
    berth.write(hosts.register, request)


def test_a_gpu_that_is_marked_broken_is_left_by_all_who_book_it_at_that_moment(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=4)
    root = a_member(berth, "U0ROOT", admin=True)
    effects: list[Effects] = []

    def act(number: int) -> str:
        if number == THE_ONE:
            effects.append(berth.run(hardware.mark_broken, root, ["gpu0@host1"], "sparks"))
            return "broken"
        return try_to_book(berth, f"U0T{number}", WISH)[0]

    outcomes = Counter(all_at_once(act))
    assert set(outcomes) <= {"broken", "won", "window_taken"}, outcomes
    assert overlaps(berth) == 0
    assert on_gpu(berth, 0) == set(effects[0].asked) == told(berth, "needs_new_window")
    assert 3 <= outcomes["won"] <= 4
    assert outcomes["won"] == 3 + len(effects[0].asked)


def test_who_had_a_gpu_that_is_gone_moves_or_is_asked_while_others_book_the_rest(
    berth: UseCases,
) -> None:
    host_id = a_host(berth, gpus=4)
    wish = ReserveRequest(TWO_HOURS, start=NOW + TWO_HOURS, gpu_names=("gpu0@host1",))
    mine = berth.run(booking.reserve, a_member(berth), wish).reservation_id
    without_the_first(berth)
    clock_of(berth).advance(seconds=61)
    report(berth, host_id, range(1, 4))
    (gone,) = [timer for (kind, _), timer in timers_due(berth).items() if kind == "gpu_gone"]

    def act(number: int) -> str:
        if number == THE_ONE:
            berth.write(upkeep.fire, gone, "race")
            return "looked"
        return try_to_book(berth, f"U0T{number}", WISH)[0]

    outcomes = Counter(all_at_once(act))
    assert set(outcomes) <= {"looked", "won", "window_taken"}, outcomes
    assert overlaps(berth) == 0
    moved, asked = told(berth, "moved_to_other_gpus"), told(berth, "needs_new_window")
    assert moved | asked == {mine}
    assert on_gpu(berth, 0) == asked
    assert outcomes["won"] == (2 if moved else 3)


def test_maintenance_that_begins_gets_what_nobody_may_book_any_more(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    root = a_member(berth, "U0ROOT", admin=True)
    ahead = [
        berth.run(booking.reserve, a_member(berth, f"U0T{number}"), WISH).reservation_id
        for number in range(3)
    ]
    block = MaintenanceWish(("host1",), 2 * TWO_HOURS, start=NOW + TWO_HOURS)
    planned = berth.run(maintenance.plan, root, block).view.reservation_id
    clock_of(berth).move_to(NOW + TWO_HOURS)
    timers = timers_due(berth)
    starts = [timers["reservation_starts", number] for number in ahead]
    given = dict(zip((0, 2, 4), starts, strict=True))
    given[THE_ONE] = timers["maintenance_begins", planned]

    def act(number: int) -> str:
        if number in given:
            berth.write(upkeep.fire, given[number], "race")
            return "fired"
        start = NOW + (TWO_HOURS if number % 2 else 3 * TWO_HOURS)
        return try_to_book(berth, f"U0T{number}", ReserveRequest(TWO_HOURS, start=start))[0]

    outcomes = Counter(all_at_once(act))
    assert outcomes == {"fired": 4, "won": 4, "window_taken": 8}
    for timer in timers.values():
        berth.write(upkeep.fire, timer, "race")
    fire_rest(berth)
    assert overlaps(berth) == 0
    held = [gpu.holding for gpu in berth.run(queries.status).hosts[0].gpus]
    assert [each.reservation_id for each in held if each is not None] == [planned] * 4
    states = {berth.run(queries.reservation, number).state for number in ahead}
    assert states == {ReservationState.CANCELLED}
