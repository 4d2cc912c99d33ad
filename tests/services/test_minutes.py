"""Minutes of the next holder's time: asked for, given, kept, and what moves by that."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import pytest

from bot.domain.errors import BerthError, CannotGiveMinutes, NotAllowed, NotBookedYet, OfferOver
from bot.domain.forecast_notices import MinutesAsked, MinutesDecided, MinutesOff
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import booking, changing, minutes, queries
from bot.services.transaction import UseCases
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.world import a_host, a_member

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def alice(berth: UseCases) -> Member:
    a_host(berth, gpus=2)
    return a_member(berth)


@pytest.fixture
def bob(berth: UseCases) -> Member:
    return a_member(berth, "U0BOB")


def shown(berth: UseCases, view: ReservationView) -> ReservationView:
    return berth.run(queries.reservation, view.reservation_id)


def running(berth: UseCases, member: Member, gpus: str = "gpu0") -> ReservationView:
    """A reservation that runs and ends at 16:00, on the grid."""
    request = ReserveRequest(2 * HOUR, gpu_names=tuple(gpus.split(",")))
    view = berth.run(booking.reserve, member, request)
    fire_due(berth)
    return shown(berth, view)


def next_one(
    berth: UseCases, member: Member, first: ReservationView, hours: int = 4, gpus: str = "gpu0"
) -> ReservationView:
    request = ReserveRequest(hours * HOUR, gpu_names=tuple(gpus.split(",")), start=first.window.end)
    return berth.run(booking.reserve, member, request)


def ask(berth: UseCases, member: Member, view: ReservationView, count: int = 30) -> int:
    return berth.run(minutes.ask, member, view.reservation_id, count, view.window.end).ask_id


def test_what_is_given_moves_both_and_nothing_overlaps(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    with audited(berth) as trail:
        asked = ask(berth, alice, mine)
        assert ask(berth, alice, mine) == asked, "asking twice is asking once"
    assert trail.actions == ["minutes.asked", "minutes.asked_of"]
    assert shown(berth, theirs).window == theirs.window, "until it is given"
    with audited(berth) as trail:
        given = berth.run(minutes.give, bob, asked)
        assert berth.run(minutes.give, bob, asked) == given
    assert set(trail.actions) == {
        "minutes.accepted",
        "reservation.moved",
        "reservation.extended",
    }
    half = 30 * MINUTE
    assert shown(berth, mine).window.end == mine.window.end + half
    moved = shown(berth, theirs).window
    assert moved == TimeWindow(theirs.window.start + half, theirs.window.end + half)
    postman = Postman()
    postman.deliver_all(berth)
    told = [(to, type(notice)) for to, notice in postman.directs]
    assert told == [("U0BOB", MinutesAsked), ("U0ALICE", MinutesDecided)]


def test_the_end_stays_where_it_is_when_it_is_taken(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    next_one(berth, a_member(berth, "U0EVE"), theirs)
    asked = ask(berth, alice, mine)
    berth.run(minutes.give, bob, asked)
    moved = shown(berth, theirs).window
    assert moved == TimeWindow(theirs.window.start + 30 * MINUTE, theirs.window.end)


def test_declined_and_unanswered_leave_everything_as_it_is(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    asked = ask(berth, alice, mine)
    with pytest.raises(NotAllowed):
        berth.run(minutes.keep, a_member(berth, "U0EVE"), asked)
    for _ in range(2):
        kept = berth.run(minutes.keep, bob, asked, "demo")
    assert kept.state is OfferState.DECLINED
    with pytest.raises(OfferOver):
        berth.run(minutes.give, bob, asked)
    again = ask(berth, alice, mine)
    clock.move_to(mine.window.end)
    fire_due(berth)
    assert berth.run(minutes.look_up, again).state is OfferState.EXPIRED
    assert shown(berth, theirs).window == theirs.window
    with pytest.raises(BerthError):
        berth.run(minutes.give, bob, again)


def test_who_can_be_asked(berth: UseCases, alice: Member, bob: Member) -> None:
    mine = running(berth, alice, "gpu0,gpu1")
    with pytest.raises(CannotGiveMinutes) as nobody:
        ask(berth, alice, mine)
    assert nobody.value.why == "nobody_next"
    theirs = next_one(berth, bob, mine)
    with pytest.raises(CannotGiveMinutes) as much:
        ask(berth, alice, mine, 61)
    assert (much.value.why, much.value.most) == ("too_much", 60)
    with pytest.raises(NotBookedYet):
        ask(berth, bob, theirs)
    next_one(berth, a_member(berth, "U0EVE"), mine, gpus="gpu1")
    with pytest.raises(CannotGiveMinutes):
        ask(berth, alice, mine)


def test_a_request_is_void_when_the_world_has_moved(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    asked = ask(berth, alice, mine)
    berth.run(changing.move, bob, theirs.reservation_id, theirs.window.start + 2 * HOUR)
    berth.run(changing.extend, alice, mine.reservation_id, mine.window.end + 2 * HOUR)
    with pytest.raises(CannotGiveMinutes) as changed:
        berth.run(minutes.give, bob, asked)
    assert changed.value.why == "changed"


@pytest.mark.parametrize("who", ["late", "next"])
def test_a_request_is_withdrawn_when_one_of_the_two_is_given_back(
    berth: UseCases, alice: Member, bob: Member, who: str
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    asked = ask(berth, alice, mine)
    gone, member = (mine, alice) if who == "late" else (theirs, bob)
    berth.run(booking.cancel, member, gone.reservation_id, "")
    assert berth.run(minutes.look_up, asked).state is OfferState.WITHDRAWN
    with pytest.raises(BerthError):
        berth.run(minutes.give, bob, asked)
    postman = Postman()
    postman.deliver_all(berth)
    told = [(to, type(notice)) for to, notice in postman.directs]
    assert told[-1] == (("U0BOB", MinutesOff) if who == "late" else ("U0ALICE", MinutesDecided))


@pytest.mark.parametrize("rival", ["cancel", "keep"])
def test_giving_beside_something_else_leaves_one_outcome(
    berth: UseCases, alice: Member, bob: Member, rival: str
) -> None:
    mine = running(berth, alice)
    theirs = next_one(berth, bob, mine)
    asked = ask(berth, alice, mine)
    barrier = threading.Barrier(2)

    def attempt(work: object, *args: object) -> None:
        barrier.wait()
        with contextlib.suppress(BerthError):
            berth.run(work, *args)  # type: ignore[arg-type] # use cases of two shapes

    other = (
        (booking.cancel, bob, theirs.reservation_id, "")
        if rival == "cancel"
        else (minutes.keep, bob, asked)
    )
    threads = [
        threading.Thread(target=attempt, args=(minutes.give, bob, asked)),
        threading.Thread(target=attempt, args=other),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    state = berth.run(minutes.look_up, asked).state
    longer = shown(berth, mine).window.end == mine.window.end + 30 * MINUTE
    assert longer == (state is OfferState.ACCEPTED)
