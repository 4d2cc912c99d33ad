"""Maintenance against bookings, and Keep and Release against silence, sixteen at once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from bot.domain.errors import BerthError
from bot.domain.maintenance import MaintenanceWish
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.protocol.messages import GpuReading, Report
from bot.services import booking, hosts, maintenance, queries, upkeep, usage
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.offer_tables import UsageCheckRow
from bot.store.timers import DueTimer
from tests.support.clock import SetClock
from tests.support.rival import all_at_once, try_to_book, use_cases_over
from tests.support.world import a_host, a_member

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
OVERLAPS = text(
    "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
    " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
)


@pytest.fixture
def berth(database: Database) -> UseCases:
    return use_cases_over(database, NOW)


def overlaps(berth: UseCases) -> int:
    return berth.database.read(lambda session: session.execute(OVERLAPS).scalar()) or 0


def fire_all(berth: UseCases) -> None:
    while timers := berth.write(upkeep.claim_timers, "test"):
        for timer in timers:
            berth.write(upkeep.fire, timer, "test")


def clock_of(berth: UseCases) -> SetClock:
    assert isinstance(berth.clock, SetClock)
    return berth.clock


def test_maintenance_while_fifteen_book_leaves_no_overlap_and_gets_the_gpus(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=4)
    root = a_member(berth, "U0ROOT", admin=True)
    for number in range(16):
        a_member(berth, f"U0T{number}")
    wish = MaintenanceWish(("host1",), 2 * TWO_HOURS, start=NOW + TWO_HOURS)
    request = ReserveRequest(TWO_HOURS, start=NOW + TWO_HOURS)
    planned: list[int] = []

    def act(number: int) -> str:
        if number == 7:
            planned.append(berth.run(maintenance.plan, root, wish).view.reservation_id)
            return "planned"
        return try_to_book(berth, f"U0T{number}", request)[0]

    outcomes = Counter(all_at_once(act))
    assert set(outcomes) <= {"planned", "won", "window_taken"}, outcomes
    assert overlaps(berth) == 0
    clock_of(berth).move_to(NOW + TWO_HOURS)
    fire_all(berth)
    assert overlaps(berth) == 0
    held = [gpu.holding for gpu in berth.run(queries.status).hosts[0].gpus]
    assert [each.reservation_id for each in held if each is not None] == planned * 4


def a_question(berth: UseCases) -> tuple[int, int, DueTimer]:
    """Let a no-show be asked, and return it with its question and the timer of its end."""
    host_id = a_host(berth, gpus=1)
    alice, clock = a_member(berth), clock_of(berth)

    def report() -> None:
        reading = GpuReading(uuid="GPU-host1-0", utilisation_percent=0.0)
        report = Report(host_id=host_id, sent_at=clock.now(), gpus=(reading,))
        berth.write(hosts.take_report, report)

    report()
    clock.advance(seconds=60)
    report()
    number = berth.run(booking.reserve, alice, ReserveRequest(2 * TWO_HOURS)).reservation_id
    fire_all(berth)
    for _ in range(15):
        clock.advance(seconds=60)
        report()
        fire_all(berth)
    check = berth.database.read(lambda session: session.scalars(select(UsageCheckRow)).one())
    for _ in range(15):
        clock.advance(seconds=60)
        report()
    timers = berth.write(upkeep.claim_timers, "silence")
    (ends,) = [timer for timer in timers if timer.kind == "usage_check_expires"]
    return number, check.id, ends


@pytest.mark.parametrize("answer", [usage.keep, usage.release])
def test_an_answer_and_silence_decide_once(berth: UseCases, answer: object) -> None:
    number, check_id, ends = a_question(berth)
    alice = a_member(berth)

    def act(rival: int) -> str:
        if rival == 3:
            berth.write(upkeep.fire, ends, "silence")
            return "silence"
        try:
            berth.run(answer, alice, check_id)  # type: ignore[arg-type] # one of two use cases
        except BerthError as error:
            return error.code
        return "answered"

    outcomes = Counter(all_at_once(act))
    assert set(outcomes) <= {"silence", "answered", "offer_over", "reservation_over"}, outcomes
    check = berth.database.read(lambda session: session.get_one(UsageCheckRow, check_id))
    state = berth.run(queries.reservation, number).state
    if check.state == OfferState.DECLINED:
        assert state is ReservationState.ACTIVE
        assert outcomes["answered"] == 15
    else:
        assert check.state in (OfferState.ACCEPTED, OfferState.EXPIRED)
        assert state is ReservationState.ENDED
        assert outcomes["answered"] == (15 if check.state == OfferState.ACCEPTED else 0)
    assert overlaps(berth) == 0
