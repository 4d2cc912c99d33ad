"""A training that fits no single window soon is booked in two parts by one click."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.domain.continuations import ContinuationReason
from bot.domain.errors import OutOfOrder, WindowTaken
from bot.domain.holdings import Alternative, AlternativeKind
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import booking, queries
from bot.services.transaction import UseCases
from bot.slack.carried_request import request_from_value, request_to_value, with_alternative
from bot.store.tables import ReservationRow
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)


def next_slot(berth: UseCases, clock: SetClock) -> datetime:
    return berth.policy.grid.ceil(clock.now())


def in_the_way(berth: UseCases, clock: SetClock) -> ReserveRequest:
    """Take the only GPU from the second slot on, for 20 hours; return a wish for 6 hours."""
    a_host(berth, gpus=1)
    start = next_slot(berth, clock)
    berth.run(
        booking.reserve, a_member(berth, "U0BOB"), ReserveRequest(2 * HOUR, start=start + 4 * HOUR)
    )
    berth.run(
        booking.reserve, a_member(berth, "U0BOB"), ReserveRequest(8 * HOUR, start=start + 10 * HOUR)
    )
    return ReserveRequest(8 * HOUR, start=start, run=TINY_RUN)


def the_split(berth: UseCases, wish: ReserveRequest) -> Alternative:
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, a_member(berth), wish)
    (split,) = [each for each in refusal.value.alternatives if each.kind is AlternativeKind.SPLIT]
    return split


def test_it_is_offered_after_the_single_windows_and_one_click_books_both(
    berth: UseCases, clock: SetClock
) -> None:
    wish = in_the_way(berth, clock)
    split = the_split(berth, wish)
    start = next_slot(berth, clock)
    assert split.window == TimeWindow(start, start + 4 * HOUR)
    assert split.second == TimeWindow(start + 6 * HOUR, start + 10 * HOUR)
    clicked = request_from_value(
        request_to_value(with_alternative(wish, split)), request_key="click:1"
    )
    view = berth.run(booking.reserve, a_member(berth), clicked)
    assert view.window == split.window
    assert view.goes_on is not None
    assert view.goes_on.reason is ContinuationReason.SPLIT
    assert view.goes_on.window == split.second
    again = berth.run(booking.reserve, a_member(berth), clicked)
    assert again.reservation_id == view.reservation_id, "delivered twice, booked once"


def test_without_a_training_nothing_is_split(berth: UseCases, clock: SetClock) -> None:
    wish = in_the_way(berth, clock)
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, a_member(berth), ReserveRequest(wish.length, start=wish.start))
    kinds = {each.kind for each in refusal.value.alternatives}
    assert AlternativeKind.SPLIT not in kinds


def test_both_or_neither(berth: UseCases, clock: SetClock) -> None:
    wish = in_the_way(berth, clock)
    clicked = with_alternative(wish, the_split(berth, wish))
    assert clicked.second is not None
    berth.run(
        booking.reserve,
        a_member(berth, "U0BOB"),
        ReserveRequest(2 * HOUR, start=clicked.second.start),
    )
    count = select(func.count()).select_from(ReservationRow)
    before = berth.database.read(lambda session: session.scalar(count))
    with pytest.raises(WindowTaken):
        berth.run(booking.reserve, a_member(berth), clicked)
    assert berth.database.read(lambda session: session.scalar(count)) == before


def test_who_cancels_the_first_part_has_cancelled_both(berth: UseCases, clock: SetClock) -> None:
    wish = in_the_way(berth, clock)
    view = berth.run(
        booking.reserve, a_member(berth), with_alternative(wish, the_split(berth, wish))
    )
    assert view.goes_on is not None
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "no")
    second = berth.run(queries.reservation, view.goes_on.reservation_id)
    assert second.state is ReservationState.CANCELLED


def test_the_second_part_comes_second(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=2)
    start = next_slot(berth, clock)
    request = ReserveRequest(
        4 * HOUR, start=start, run=TINY_RUN, second=TimeWindow(start + 2 * HOUR, start + 6 * HOUR)
    )
    with pytest.raises(OutOfOrder):
        berth.run(booking.reserve, a_member(berth), request)
    assert berth.run(queries.mine, a_member(berth)) == ()
