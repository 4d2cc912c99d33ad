"""Many at once around those who wait: one winner, nobody asked twice, nothing booked twice."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from bot.domain.errors import BerthError
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.services import booking, queries, queue, waitlist
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.offer_tables import WaitRow
from bot.store.tables import AuditEventRow, ReservationRow
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.rival import RIVALS, all_at_once, use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
EVENING = datetime(2026, 11, 23, 18, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
WISH = ReserveRequest(TWO_HOURS, start=EVENING)


@pytest.fixture
def berth(database: Database) -> UseCases:
    return use_cases_over(database, NOW)


def code_of(act: object, *args: object) -> str:
    try:
        act(*args)  # type: ignore[operator] # any use case
    except BerthError as error:
        return error.code
    return "done"


def assert_sound(berth: UseCases) -> None:
    """No overlap; a live claim exactly where a reservation holds; each wait is offered once."""
    joined = text(
        "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
        " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
    )
    assert berth.database.read(lambda s: s.execute(joined).scalar()) == 0
    offered = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow.subject_id).where(AuditEventRow.action == "waitlist.offered")
        ).all()
    )
    assert len(offered) == len(set(offered)), "nobody is asked twice"
    for state, row_state in berth.database.read(
        lambda s: [
            (wait.state, wait.held_reservation.state)
            for wait in s.scalars(select(WaitRow).where(WaitRow.held_reservation_id.is_not(None)))
            if wait.held_reservation is not None
        ]
    ):
        if state == OfferState.OPEN:
            assert row_state == ReservationState.OFFERED
        elif state == OfferState.ACCEPTED:
            assert row_state != ReservationState.OFFERED
        else:
            assert row_state == ReservationState.CANCELLED


def offered_to_bob(berth: UseCases) -> int:
    a_host(berth, gpus=1)
    place = berth.run(waitlist.join, a_member(berth, "U0BOB"), WISH)
    fire_all(berth)
    return place.wait_id


def test_accepting_races_with_the_end_of_the_offer_and_one_of_them_wins(berth: UseCases) -> None:
    wait_id, bob = offered_to_bob(berth), a_member(berth, "U0BOB")
    clock = berth.clock
    assert isinstance(clock, SetClock)
    late = use_cases_over(berth.database, NOW + timedelta(minutes=10))

    def act(number: int) -> str:
        if number % 2:
            fire_all(late, f"clockwork {number}")
            return "fired"
        return code_of(berth.run, waitlist.accept, bob, wait_id)

    outcomes = Counter(all_at_once(act))
    (row,) = berth.database.read(lambda s: s.scalars(select(WaitRow)).all())
    booked = berth.run(queries.mine, bob)
    if row.state == OfferState.ACCEPTED:
        assert (outcomes["done"], len(booked)) == (RIVALS // 2, 1)
    else:
        assert row.state == OfferState.EXPIRED
        assert (outcomes["offer_over"], booked) == (RIVALS // 2, ())
    assert_sound(berth)


def test_one_acceptance_delivered_sixteen_times_books_once(berth: UseCases) -> None:
    wait_id, bob = offered_to_bob(berth), a_member(berth, "U0BOB")
    views = all_at_once(lambda _: berth.run(waitlist.accept, bob, wait_id))
    assert len({view.reservation_id for view in views}) == 1
    assert len(berth.run(queries.mine, bob)) == 1
    assert_sound(berth)


def test_accepting_races_with_declining_and_one_of_them_wins(berth: UseCases) -> None:
    wait_id, bob = offered_to_bob(berth), a_member(berth, "U0BOB")

    def act(number: int) -> tuple[str, str]:
        answer = (waitlist.accept, waitlist.decline)[number % 2]
        return answer.__name__, code_of(berth.run, answer, bob, wait_id)

    outcomes = Counter(all_at_once(act))
    won = {name for name, code in outcomes if code == "done"}
    assert len(won) == 1
    assert len(berth.run(queries.mine, bob)) == (won == {"accept"})
    assert_sound(berth)


def test_joining_races_with_the_holder_who_cancels_and_nobody_is_forgotten(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=1)
    alice = a_member(berth)
    booked = berth.run(booking.reserve, alice, WISH)
    members = [a_member(berth, f"U0T{number}") for number in range(RIVALS)]

    def act(number: int) -> None:
        if number == 0:
            berth.run(booking.cancel, alice, booked.reservation_id, "")
            fire_all(berth, "clockwork")
        else:
            berth.run(waitlist.join, members[number], WISH)

    all_at_once(act)
    fire_all(berth, "after")
    states = Counter(berth.database.read(lambda s: s.scalars(select(WaitRow.state)).all()))
    assert states == {OfferState.OPEN: 1, OfferState.WAITING: RIVALS - 2}
    assert_sound(berth)


def test_booking_by_hand_races_with_serving_and_the_window_is_had_once(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    booked = berth.run(booking.reserve, alice, WISH)
    members = [a_member(berth, f"U0T{number}") for number in range(RIVALS)]
    berth.run(waitlist.join, bob, WISH)
    fire_all(berth)
    berth.run(booking.cancel, alice, booked.reservation_id, "")

    def act(number: int) -> str:
        if number % 4 == 0:
            fire_all(berth, f"clockwork {number}")
            return "fired"
        return code_of(berth.run, booking.reserve, members[number], WISH)

    outcomes = Counter(all_at_once(act))
    (wait,) = berth.database.read(lambda s: s.scalars(select(WaitRow.state)).all())
    assert outcomes["done"] + (wait == OfferState.OPEN) == 1, (outcomes, wait)
    assert_sound(berth)


def test_the_queue_races_with_bookings_and_both_keep_to_their_gpus(berth: UseCases) -> None:
    a_host(berth, "host1", 4)
    members = [a_member(berth, f"U0T{number}") for number in range(RIVALS)]
    job = ReserveRequest(timedelta(minutes=40), run=TINY_RUN)

    def act(number: int) -> str:
        if number % 3 == 0:
            return code_of(berth.run, booking.reserve, members[number], ReserveRequest(TWO_HOURS))
        berth.run(queue.join, members[number], job)
        fire_all(berth, f"clockwork {number}")
        return "queued"

    all_at_once(act)
    fire_all(berth, "after")
    rows = berth.database.read(lambda s: s.scalars(select(ReservationRow)).all())
    assert len([row for row in rows if not ReservationState(row.state).is_over]) == 4
    assert_sound(berth)


def test_hundreds_of_steps_at_once_leave_everything_sound(berth: UseCases) -> None:
    a_host(berth, "host1", 2)
    members = [a_member(berth, f"U0T{number}") for number in range(RIVALS)]

    def act(number: int) -> Counter[str]:
        pick, member, outcomes = random.Random(number), members[number], Counter[str]()
        for _ in range(12):
            wish = ReserveRequest(
                TWO_HOURS,
                gpu_count=pick.randint(1, 2),
                start=EVENING + pick.randint(0, 2) * TWO_HOURS,
            )
            choice = pick.random()
            mine = berth.run(waitlist.mine, member)
            offers = [one.wait_id for one in mine if one.state is OfferState.OPEN]
            booked = berth.run(queries.mine, member)
            if choice < 0.35:
                what = code_of(berth.run, waitlist.join, member, wish)
            elif choice < 0.5:
                what = code_of(berth.run, booking.reserve, member, wish)
            elif choice < 0.65 and offers:
                what = code_of(berth.run, waitlist.accept, member, offers[0])
            elif choice < 0.72 and mine:
                what = code_of(berth.run, waitlist.leave, member, mine[-1].wait_id)
            elif choice < 0.85 and booked:
                what = code_of(berth.run, booking.cancel, member, booked[0].reservation_id, "")
            else:
                fire_all(berth, f"clockwork {number}")
                what = "fired"
            outcomes[what] += 1
        return outcomes

    outcomes = sum(all_at_once(act), Counter[str]())
    fire_all(berth, "after")
    assert set(outcomes) <= {"done", "fired", "window_taken", "offer_over"}, outcomes
    assert_sound(berth)
