"""Extending, shortening and moving: what they promise, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.domain import errors
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import booking, changing, hosts, queries, upkeep
from bot.services.due import TimerKind
from bot.services.transaction import UseCases
from bot.store.tables import AuditEventRow, ClaimRow, TimerRow
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

TWO_HOURS = timedelta(hours=2)
AT_14 = datetime(2026, 11, 23, 14, tzinfo=UTC)
AT_16 = AT_14 + TWO_HOURS
AT_18 = AT_16 + TWO_HOURS


def book(berth: UseCases, member: Member, start: datetime | None, **wish: object) -> int:
    request = ReserveRequest(**{"length": TWO_HOURS, "start": start, **wish})  # type: ignore[arg-type] # a test's own words
    return berth.run(booking.reserve, member, request).reservation_id


def live_windows(berth: UseCases, reservation_id: int) -> set[tuple[datetime, datetime]]:
    rows = berth.database.read(
        lambda s: s.scalars(
            select(ClaimRow).where(ClaimRow.live, ClaimRow.reservation_id == reservation_id)
        ).all()
    )
    return {(row.starts_at, row.ends_at) for row in rows}


def armed(berth: UseCases, kind: str, subject_id: int) -> datetime | None:
    return berth.database.read(
        lambda s: s.scalar(
            select(TimerRow.due_at).where(
                TimerRow.kind == kind, TimerRow.subject_id == subject_id, TimerRow.done_at.is_(None)
            )
        )
    )


def events(berth: UseCases, action: str) -> int:
    count = select(func.count(AuditEventRow.id)).where(AuditEventRow.action == action)
    return berth.database.read(lambda s: s.scalar(count)) or 0


def start_all(berth: UseCases) -> None:
    for timer in berth.write(upkeep.claim_timers, "test"):
        berth.write(upkeep.fire, timer, "test")


def assert_as(view: ReservationView, start: datetime, end: datetime) -> None:
    assert view.window == TimeWindow(start, end)


def test_an_extension_keeps_the_gpus_and_moves_the_timers(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14, gpu_count=2, run=TINY_RUN)
    view = berth.run(changing.extend, alice, number, AT_16 + timedelta(minutes=1))
    assert_as(view, AT_14, AT_18)
    assert live_windows(berth, number) == {(AT_14, AT_18)}
    assert armed(berth, TimerKind.RESERVATION_ENDS, number) == AT_18
    assert armed(berth, TimerKind.RESERVATION_STARTS, number) == AT_14
    assert berth.run(changing.extend, alice, number, AT_18) == view
    assert events(berth, "reservation.extended") == 1


def test_an_extension_into_somebody_elses_time_says_who_and_what_fits(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    number = book(berth, alice, AT_14, gpu_names=("gpu0",))
    book(berth, bob, AT_18, gpu_names=("gpu0",))
    with pytest.raises(errors.WindowTaken) as refusal:
        berth.run(changing.extend, alice, number, AT_18 + TWO_HOURS)
    assert [held.holder_slack_id for held in refusal.value.holdings] == ["U0BOB"]
    shorter, beside = refusal.value.alternatives
    assert (shorter.reservation_id, shorter.window) == (number, TimeWindow(AT_14, AT_18))
    assert beside.reservation_id is None
    assert beside.window == TimeWindow(AT_16, AT_18 + TWO_HOURS)
    assert_as(berth.run(queries.reservation, number), AT_14, AT_16)


def test_two_clicks_on_one_button_extend_by_one_slot(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14)
    for _ in range(2):
        assert_as(berth.run(changing.extend_by_a_slot, alice, number, AT_16), AT_14, AT_18)
    assert events(berth, "reservation.extended") == 1


def test_one_asking_for_more_is_one_extension_however_often_it_comes(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14)
    for hours in (2, 4):
        view = berth.run(changing.extend, alice, number, AT_16 + timedelta(hours=hours), "asked")
    assert_as(view, AT_14, AT_18)


def test_shortening_frees_what_is_left_and_wakes_who_waits(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    number = book(berth, alice, None, length=timedelta(hours=5))
    start_all(berth)
    clock.advance(minutes=40)
    view = berth.run(changing.shorten, alice, number, AT_14 - timedelta(minutes=5))
    assert view.window.end == AT_14
    assert view.state is ReservationState.ACTIVE
    assert armed(berth, TimerKind.SERVE_WAITING, 0) == clock.now()
    assert armed(berth, TimerKind.RESERVATION_ENDS, number) == AT_14
    book(berth, bob, AT_14)
    assert berth.run(changing.shorten, alice, number, AT_14) == view


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (AT_18, errors.EndNotEarlier),
        (AT_14, errors.NothingLeft),
        (AT_14 - TWO_HOURS, errors.NothingLeft),
    ],
)
def test_an_end_that_is_no_earlier_end_is_refused(
    berth: UseCases, end: datetime, why: type[errors.BerthError]
) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14)
    with pytest.raises(why):
        berth.run(changing.shorten, alice, number, end)
    assert_as(berth.run(queries.reservation, number), AT_14, AT_16)


def test_a_host_that_cannot_be_told_keeps_its_end(berth: UseCases, clock: SetClock) -> None:
    host_id = a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, None, length=timedelta(hours=5), run=TINY_RUN)
    start_all(berth)
    clock.advance(minutes=5)
    berth.write(hosts.look_for_lost, host_id)
    with pytest.raises(errors.HostDoesNotAnswer):
        berth.run(changing.shorten, alice, number, AT_14)


def test_a_move_keeps_the_gpus_where_they_are_free(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14, gpu_names=("gpu2", "gpu3"))
    view = berth.run(changing.move, alice, number, AT_16 + timedelta(minutes=30))
    assert_as(view, AT_16, AT_18)
    assert [gpu.index for gpu in view.gpus] == [2, 3]
    assert live_windows(berth, number) == {(AT_16, AT_18)}
    assert armed(berth, TimerKind.RESERVATION_STARTS, number) == AT_16
    assert armed(berth, TimerKind.SERVE_WAITING, 0) is not None
    assert berth.run(changing.move, alice, number, AT_16) == view


def test_a_move_takes_other_gpus_of_the_kind_where_its_own_are_taken(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    number = book(berth, alice, AT_14, gpu_names=("gpu0", "gpu1"))
    book(berth, bob, AT_16, gpu_names=("gpu1",))
    view = berth.run(changing.move, alice, number, AT_16)
    assert len(view.gpus) == 2
    assert 1 not in [gpu.index for gpu in view.gpus]


def test_a_move_is_not_stopped_by_who_holds_the_new_gpus_at_the_old_time(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    number = book(berth, alice, AT_14, gpu_names=("gpu0",))
    book(berth, bob, AT_14, gpu_names=("gpu1",))
    book(berth, bob, AT_16, gpu_names=("gpu0",))
    view = berth.run(changing.move, alice, number, AT_16)
    assert [gpu.index for gpu in view.gpus] == [1]
    assert live_windows(berth, number) == {(AT_16, AT_18)}


def test_a_move_into_its_own_time_is_not_in_its_own_way(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice = a_member(berth)
    number = book(berth, alice, AT_14, length=2 * TWO_HOURS)
    assert_as(berth.run(changing.move, alice, number, AT_16), AT_16, AT_18 + TWO_HOURS)
    assert_as(berth.run(changing.move, alice, number, AT_14), AT_14, AT_18)


def test_a_move_to_a_full_time_says_who_and_where_else(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    number = book(berth, alice, AT_14)
    book(berth, bob, AT_16)
    with pytest.raises(errors.WindowTaken) as refusal:
        berth.run(changing.move, alice, number, AT_16)
    assert [held.holder_slack_id for held in refusal.value.holdings] == ["U0BOB"]
    assert {each.reservation_id for each in refusal.value.alternatives} == {number}
    assert refusal.value.alternatives[0].window == TimeWindow(AT_18, AT_18 + TWO_HOURS)
    assert_as(berth.run(queries.reservation, number), AT_14, AT_16)


def test_a_move_to_now_is_as_long_and_starts_at_once(berth: UseCases, clock: SetClock) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_16)
    view = berth.run(changing.move, alice, number, clock.now())
    assert_as(view, clock.now(), AT_16)
    assert berth.run(changing.move, alice, number, clock.now()) == view
    start_all(berth)
    assert berth.run(queries.reservation, number).state is ReservationState.ACTIVE
    with pytest.raises(errors.ReservationStarted):
        berth.run(changing.move, alice, number, AT_18)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (AT_14 - timedelta(hours=4), errors.PastStart),
        (AT_14 + timedelta(days=40), errors.BeyondHorizon),
    ],
)
def test_a_move_keeps_to_the_calendar(
    berth: UseCases, start: datetime, why: type[errors.BerthError]
) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14)
    with pytest.raises(why):
        berth.run(changing.move, alice, number, start)


def test_only_the_holder_a_lead_or_an_admin_changes_a_reservation(berth: UseCases) -> None:
    a_host(berth)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    admin = a_member(berth, "U0ROOT", admin=True)
    number = book(berth, alice, AT_14)
    for change in (changing.extend, changing.shorten, changing.move):
        with pytest.raises(errors.NotTheHolder):
            berth.run(change, bob, number, AT_18)
    assert_as(berth.run(changing.extend, admin, number, AT_18), AT_14, AT_18)


def test_what_is_over_changes_no_more(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth)
    number = book(berth, alice, AT_14)
    berth.run(booking.cancel, alice, number, "")
    assert armed(berth, TimerKind.SERVE_WAITING, 0) is not None
    for change in (changing.extend, changing.shorten, changing.move):
        with pytest.raises(errors.ReservationOver):
            berth.run(change, alice, number, AT_18)
        with pytest.raises(errors.UnknownReservation):
            berth.run(change, alice, 999, AT_18)
