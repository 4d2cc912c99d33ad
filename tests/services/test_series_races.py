"""Many who book series at once: no overlap, each loser has its reason, nothing is booked twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from bot.domain.errors import BerthError
from bot.domain.policy import Policy
from bot.domain.recurrence import EVERY_DAY, Recurrence
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.services import booking, queries, series, upkeep
from bot.services.due import TimerKind
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.offer_tables import SeriesExceptionRow, SeriesRow
from bot.store.tables import ClaimRow, ReservationRow, TimerRow
from bot.store.timers import DueTimer
from tests.support.clock import SetClock
from tests.support.rival import RIVALS, all_at_once, try_to_book, use_cases_over
from tests.support.world import a_host, a_member

H = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
DAYS = 5


@pytest.fixture
def berth(database: Database) -> UseCases:
    policy = Policy(horizon=16 * DAY, progress_edit_interval=timedelta(0))
    return replace(use_cases_over(database, NOW), policy=policy)


def nightly(hour: int = 20, days: int | None = DAYS) -> Recurrence:
    ends_on = None if days is None else date(2026, 11, 23) + (days - 1) * DAY
    return Recurrence(EVERY_DAY, time(hour), "UTC", date(2026, 11, 23), 4 * H, ends_on)


def rows(berth: UseCases, kind: type[ReservationRow]) -> list[ReservationRow]:
    return list(berth.database.read(lambda s: s.scalars(select(kind)).all()))


def assert_no_overlap(berth: UseCases) -> None:
    by_gpu: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for claim in berth.database.read(
        lambda s: s.scalars(select(ClaimRow).where(ClaimRow.live)).all()
    ):
        by_gpu[claim.gpu_id].append((claim.starts_at, claim.ends_at))
    for windows in by_gpu.values():
        for earlier, later in pairwise(sorted(windows)):
            assert earlier[1] <= later[0]


def assert_each_day_is_booked_or_left_out(berth: UseCases) -> None:
    """Every series accounts for each of its days, exactly once."""
    left_out = berth.database.read(lambda s: s.scalars(select(SeriesExceptionRow)).all())
    booked = [row for row in rows(berth, ReservationRow) if row.series_id is not None]
    for one in berth.database.read(lambda s: s.scalars(select(SeriesRow)).all()):
        days = Counter(
            [row.starts_at.date().isoformat() for row in booked if row.series_id == one.id]
            + [row.on_date for row in left_out if row.series_id == one.id]
        )
        assert set(days.values()) == {1}, days
        assert len(days) == DAYS
        for row in left_out:
            assert row.reason.startswith("window_taken: R")


def test_overlapping_series_and_single_bookings_at_once(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    members = [a_member(berth, f"U0T{number}") for number in range(RIVALS)]

    def act(number: int) -> str:
        if number % 2:
            start = NOW.replace(hour=20, minute=0) + (number // 2 % DAYS) * DAY
            request = ReserveRequest(4 * H, gpu_count=2, start=start)
            return try_to_book(berth, f"U0T{number}", request)[0]
        request = ReserveRequest(4 * H, gpu_count=1 + number % 4 // 2)
        try:
            berth.run(series.create, members[number], nightly(18 + number % 3 * 2), request)
        except BerthError as error:
            return error.code
        return "series"

    outcomes = Counter(all_at_once(act))
    assert set(outcomes) <= {"won", "window_taken", "series", "no_occurrence_fits"}, outcomes
    assert outcomes["series"]
    assert_no_overlap(berth)
    assert_each_day_is_booked_or_left_out(berth)


def test_one_asking_delivered_sixteen_times_makes_one_series(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    request = ReserveRequest(4 * H, request_key="modal V123")
    views = all_at_once(lambda _: berth.run(series.create, alice, nightly(), request))
    assert len({view.series_id for view in views}) == 1
    assert len(rows(berth, ReservationRow)) == DAYS


def move_on(berth: UseCases, days: int) -> None:
    assert isinstance(berth.clock, SetClock)
    berth.clock.advance(days=days)


def test_sixteen_extensions_at_once_book_each_day_once(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    alice = a_member(berth)
    made = berth.run(series.create, alice, nightly(days=None), ReserveRequest(4 * H))
    before = len(made.upcoming)
    move_on(berth, 3)
    all_at_once(lambda _: berth.write(series.extend, made.series_id))
    booked = rows(berth, ReservationRow)
    assert len(booked) == before + 3
    assert len({row.starts_at for row in booked}) == len(booked)
    berth.write(series.extend, made.series_id)
    assert len(rows(berth, ReservationRow)) == before + 3


def test_the_timer_that_two_clockworks_hold_extends_once_and_is_armed_again(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=2)
    made = berth.run(series.create, a_member(berth), nightly(days=None), ReserveRequest(4 * H))
    before = len(made.upcoming)
    move_on(berth, 1)
    due: list[DueTimer] = [
        timer
        for timer in berth.write(upkeep.claim_timers, "one")
        if timer.kind == TimerKind.SERIES_EXTENDS
    ]
    assert len(due) == 1
    all_at_once(lambda number: berth.write(upkeep.fire, due[0], ("one", "two")[number % 2]))
    assert len(rows(berth, ReservationRow)) == before + 1
    (armed,) = berth.database.read(
        lambda s: s.scalars(
            select(TimerRow).where(
                TimerRow.kind == TimerKind.SERIES_EXTENDS, TimerRow.done_at.is_(None)
            )
        ).all()
    )
    assert armed.due_at == berth.clock.now() + DAY


def test_cancelling_all_against_extensions_leaves_nothing_ahead(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    many = [
        berth.run(series.create, alice, nightly(hour, None), ReserveRequest(2 * H))
        for hour in (6, 20)
    ]
    move_on(berth, 2)

    def act(number: int) -> None:
        made = many[number // 2 % 2]
        if number % 2:
            berth.run(series.cancel_all, alice, made.series_id, "over")
        else:
            berth.write(series.extend, made.series_id)

    all_at_once(act)
    assert berth.run(series.mine, alice) == ()
    ahead = [
        row
        for row in rows(berth, ReservationRow)
        if ReservationState(row.state).is_ahead and row.starts_at > berth.clock.now()
    ]
    assert ahead == []
    assert berth.run(queries.status).free_count == 4


def test_single_cancellations_against_all_of_it(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    made = berth.run(series.create, alice, nightly(days=15), ReserveRequest(4 * H))
    assert len(made.upcoming) == RIVALS - 1

    def act(number: int) -> str:
        try:
            if number:
                one = made.upcoming[number - 1]
                berth.run(booking.cancel, alice, one.reservation_id, "just this")
            else:
                berth.run(series.cancel_all, alice, made.series_id, "all")
        except BerthError as error:
            return error.code
        return "done"

    assert set(all_at_once(act)) <= {"done", "reservation_over"}
    assert {row.state for row in rows(berth, ReservationRow)} == {ReservationState.CANCELLED}
    left_out = berth.database.read(lambda s: s.scalars(select(SeriesExceptionRow.on_date)).all())
    assert len(left_out) == len(set(left_out)) == RIVALS - 1
