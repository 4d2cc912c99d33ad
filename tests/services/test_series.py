"""Series: booked up to the horizon, extended as it moves, skipped and cancelled."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from bot.domain.errors import (
    InvalidGpuCount,
    NoOccurrenceAhead,
    NoOccurrenceFits,
    NotTheSeriesHolder,
    SeriesOver,
    TooLong,
    UnknownReservation,
    UnknownSeries,
)
from bot.domain.notices import ApprovalAsked
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.recurrence import EVERY_DAY, WORKING_DAYS, Recurrence, WallEnd
from bot.domain.requests import ReserveRequest
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.services import booking, outbox, queries, series, upkeep
from bot.services.due import TimerKind
from bot.services.transaction import UseCases
from bot.store.offer_tables import SeriesExceptionRow, SeriesRow
from bot.store.tables import AuditEventRow, OutboxRow, ReservationRow, TimerRow
from tests.support.clock import SetClock
from tests.support.clockwork import Postman
from tests.support.world import TINY_RUN, a_host, a_member

H = timedelta(hours=1)
DAY = timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 11, 23)


def every(
    days: frozenset[str] = WORKING_DAYS,
    at: time = time(20),
    lasts: timedelta | WallEnd = 12 * H,
    starts_on: date = MONDAY,
    ends_on: date | None = None,
) -> Recurrence:
    return Recurrence(days, at, "Europe/Paris", starts_on, lasts, ends_on)


def a_series(
    berth: UseCases, member: Member, rule: Recurrence | None = None, gpus: int = 2, **more: object
) -> SeriesView:
    request = ReserveRequest(12 * H, gpu_count=gpus, **more)  # type: ignore[arg-type] # by name
    return berth.run(series.create, member, rule or every(), request)


def let_time_pass(berth: UseCases, clock: SetClock, until: datetime) -> None:
    """Fire every timer on its way, three hours at a time."""
    while clock.now() < until:
        clock.move_to(min(until, clock.now() + 3 * H))
        while timers := berth.write(upkeep.claim_timers, "clockwork"):
            for timer in timers:
                berth.write(upkeep.fire, timer, "clockwork")


def exceptions(berth: UseCases) -> dict[str, str]:
    rows = berth.database.read(lambda s: s.scalars(select(SeriesExceptionRow)).all())
    return {row.on_date: row.reason for row in rows}


def starts_of(view: SeriesView) -> list[date]:
    return [one.window.start.astimezone(PARIS).date() for one in view.upcoming]


def told(berth: UseCases, lane: str) -> list[dict[str, object]]:
    rows = berth.database.read(
        lambda s: s.scalars(select(OutboxRow).where(OutboxRow.lane == lane)).all()
    )
    return [row.payload for row in rows if row.payload]


def test_every_occurrence_up_to_the_horizon_is_booked(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice, run=TINY_RUN, note="night run")
    assert starts_of(view) == [
        MONDAY + n * DAY for n in range(30) if (MONDAY + n * DAY).weekday() < 5
    ]
    assert all(one.gpu_count == 2 for one in view.upcoming)
    assert all(one.run is not None and one.note == "night run" for one in view.upcoming)
    assert {one.series_id for one in view.upcoming} == {view.series_id}
    assert {one.series_words for one in view.upcoming} == {"every weekday 20:00"}
    assert view.missed == ()
    assert berth.run(series.mine, alice) == (view,)
    assert berth.run(queries.mine, alice) == view.upcoming


def test_the_same_asking_makes_one_series(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    first = a_series(berth, alice, request_key="modal V1")
    assert a_series(berth, alice, request_key="modal V1") == first
    assert berth.database.read(lambda s: s.scalar(select(func.count(SeriesRow.id)))) == 1


def test_what_is_taken_is_left_out_and_told_with_the_holder(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    wednesday = datetime(2026, 11, 25, 18, tzinfo=PARIS)
    taken = berth.run(booking.reserve, bob, ReserveRequest(4 * H, gpu_count=3, start=wednesday))
    view = a_series(berth, alice)
    (missed,) = view.missed
    assert (missed.on_date, missed.code) == (date(2026, 11, 25), "window_taken")
    assert [one.reservation_id for one in missed.holdings] == [taken.reservation_id]
    assert exceptions(berth) == {"2026-11-25": "window_taken: R1 of Bob"}
    assert date(2026, 11, 25) not in starts_of(view)
    assert len(view.upcoming) == 21


def test_a_series_of_which_nothing_fits_is_refused_and_leaves_nothing(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    a_series(berth, bob, every(EVERY_DAY), gpus=3)
    with pytest.raises(NoOccurrenceFits) as refusal:
        a_series(berth, alice)
    assert len(refusal.value.missed) == 22
    assert all(one.holdings[0].holder_name == "Bob" for one in refusal.value.missed)
    assert berth.run(series.mine, alice) == ()
    assert exceptions(berth) == {}


@pytest.mark.parametrize(
    ("rule", "gpus", "error"),
    [
        (every(ends_on=MONDAY - DAY), 1, NoOccurrenceAhead),
        (every(starts_on=date(2027, 5, 1)), 1, NoOccurrenceAhead),
        (every(), 9, InvalidGpuCount),
        (every(lasts=200 * H), 1, TooLong),
    ],
)
def test_what_fits_no_day_is_refused_as_for_one(
    berth: UseCases, rule: Recurrence, gpus: int, error: type[Exception]
) -> None:
    a_host(berth)
    alice = a_member(berth)
    with pytest.raises(error):
        a_series(berth, alice, rule, gpus)
    assert berth.run(queries.mine, alice) == ()


def test_the_wall_time_stays_when_the_clocks_change(berth: UseCases, clock: SetClock) -> None:
    clock.move_to(datetime(2027, 3, 20, 12, tzinfo=PARIS))
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice, every(EVERY_DAY, time(22), WallEnd(1, time(6))))
    for one in view.upcoming:
        # The slots that cover it: 22:00 to 06:00 in Paris, on a grid of even hours in UTC.
        assert one.window.start <= local(one, 22) < one.window.start + 2 * H
        assert one.window.end - 2 * H < local(one, 6, later=DAY) <= one.window.end


def local(one: object, hour: int, later: timedelta = timedelta()) -> datetime:
    window = getattr(one, "window")  # noqa: B009 - any view
    day = (window.start + H).astimezone(PARIS).date() + later
    return datetime.combine(day, time(hour), tzinfo=PARIS)


def test_the_horizon_moves_and_the_series_with_it(berth: UseCases, clock: SetClock) -> None:
    a_host(berth)
    alice = a_member(berth)
    first = a_series(berth, alice)
    let_time_pass(berth, clock, clock.now() + 4 * DAY)
    (view,) = berth.run(series.mine, alice)
    assert starts_of(view)[-1] == MONDAY + 32 * DAY  # a Friday
    assert starts_of(view)[-1] > starts_of(first)[-1]
    assert len(set(starts_of(view))) == len(view.upcoming)


def test_a_gap_is_told_to_the_holder_with_who_is_in_the_way(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    view = a_series(berth, alice)
    beyond = datetime(2026, 12, 23, 18, tzinfo=PARIS)  # a Wednesday, 30 days from today
    clock.move_to(beyond - 30 * DAY + 3 * H)
    late = berth.run(booking.reserve, bob, ReserveRequest(4 * H, gpu_count=3, start=beyond))
    let_time_pass(berth, clock, clock.now() + 2 * DAY)
    assert exceptions(berth) == {"2026-12-23": f"window_taken: R{late.reservation_id} of Bob"}
    (notice,) = [one for one in told(berth, "dm:U0ALICE") if one["kind"] == "occurrence_missed"]
    assert notice["series_id"] == view.series_id
    assert notice["holder_slack_ids"] == ["U0BOB"]
    assert notice["in_the_way"] == [f"R{late.reservation_id}"]
    let_time_pass(berth, clock, clock.now() + 3 * DAY)
    assert len(exceptions(berth)) == 1, "it is looked at once"


def test_what_was_cancelled_once_is_not_booked_again(berth: UseCases, clock: SetClock) -> None:
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice)
    gone = view.upcoming[1]
    berth.run(booking.cancel, alice, gone.reservation_id, "holiday")
    assert exceptions(berth) == {"2026-11-24": "cancelled: holiday"}
    let_time_pass(berth, clock, clock.now() + 2 * DAY)
    (after,) = berth.run(series.mine, alice)
    assert date(2026, 11, 24) not in starts_of(after)


def test_skipping_twice_skips_once(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    following = a_series(berth, alice).upcoming[0].reservation_id
    once = berth.run(series.skip, alice, following)
    assert berth.run(series.skip, alice, following) == once
    assert len(once.upcoming) == 21
    plain = berth.run(booking.reserve, alice, ReserveRequest(2 * H, start=None, gpu_count=1))
    with pytest.raises(UnknownReservation):
        berth.run(series.skip, alice, plain.reservation_id)


def test_cancelling_all_gives_back_what_is_ahead_and_lets_run_what_runs(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    view = a_series(berth, alice)
    let_time_pass(berth, clock, datetime(2026, 11, 23, 21, tzinfo=PARIS))
    with pytest.raises(NotTheSeriesHolder):
        berth.run(series.cancel_all, bob, view.series_id, "mine now")
    with pytest.raises(UnknownSeries):
        berth.run(series.cancel_all, alice, 99, "")
    ended = berth.run(series.cancel_all, alice, view.series_id, "demo is over")
    assert not ended.active
    (running,) = ended.upcoming
    assert running.state is ReservationState.ACTIVE
    assert berth.run(series.cancel_all, alice, view.series_id, "again") == ended
    assert berth.run(series.mine, alice) == ()
    let_time_pass(berth, clock, clock.now() + 3 * DAY)
    assert berth.run(queries.mine, alice) == ()
    reasons = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow.reason).where(AuditEventRow.action == "series.cancelled")
        ).all()
    )
    assert reasons == ["demo is over"]


def test_a_series_with_an_end_ends_by_itself(berth: UseCases, clock: SetClock) -> None:
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice, every(ends_on=date(2026, 11, 24)))
    assert len(view.upcoming) == 2
    let_time_pass(berth, clock, clock.now() + 4 * DAY)
    assert berth.run(series.mine, alice) == ()
    with pytest.raises(SeriesOver):
        berth.run(series.cancel_all, alice, view.series_id, "")
    left = select(func.count(TimerRow.id)).where(
        TimerRow.kind == TimerKind.SERIES_EXTENDS, TimerRow.done_at.is_(None)
    )
    assert berth.database.read(lambda s: s.scalar(left)) == 0


def test_a_month_of_cards_does_not_fill_the_channel(berth: UseCases, clock: SetClock) -> None:
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice)
    assert cards_sent(berth) == [view.upcoming[0].reservation_id]
    berth.run(series.skip, alice, view.upcoming[1].reservation_id)
    assert cards_sent(berth) == [], "what nobody has seen needs no obituary"
    let_time_pass(berth, clock, clock.now() + 1.5 * DAY)
    shown = cards_sent(berth)
    assert view.upcoming[2].reservation_id in shown
    assert view.upcoming[1].reservation_id not in shown


def test_what_is_to_be_said_below_a_card_does_not_lose_it(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    far = every(starts_on=MONDAY + 3 * DAY)
    view = a_series(berth, alice, far, priority=Priority.P0)  # asked about below the first card
    berth.run(series.cancel_all, alice, view.series_id, "no need")  # before it was posted
    first = view.upcoming[0].reservation_id
    postman = Postman()
    postman.deliver_all(berth)
    assert postman.cards[first].state is ReservationState.CANCELLED
    assert isinstance(postman.threads[0], ApprovalAsked)


def cards_sent(berth: UseCases) -> list[int]:
    """Take what is to be said in the channel now, and tell which cards were shown."""
    found: list[int] = []
    while parcels := berth.write(outbox.claim_deliveries, "sender"):
        for parcel in parcels:
            if parcel.delivery.lane == "C0GPU":
                found.append(parcel.view.reservation_id)
            berth.write(outbox.record_sent, parcel, "sender")
    return list(dict.fromkeys(found))


def test_every_change_of_a_series_is_in_the_audit(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    view = a_series(berth, alice, note="nightly")
    berth.run(series.cancel_all, alice, view.series_id, "no need")
    events = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow).where(AuditEventRow.subject_type == "series")
        ).all()
    )
    assert [(one.action, one.reason) for one in events] == [
        ("series.created", "nightly"),
        ("series.cancelled", "no need"),
    ]
    assert events[0].data["rule"] == "every weekday 20:00"
    assert len(events[1].data["reservations"]) == 22


def test_an_occurrence_is_named_by_its_day(berth: UseCases) -> None:
    a_host(berth)
    a_series(berth, a_member(berth))
    keys = berth.database.read(lambda s: s.scalars(select(ReservationRow.request_key)).all())
    assert "series:1:2026-11-24" in keys
