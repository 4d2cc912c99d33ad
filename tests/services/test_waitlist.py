"""The waitlist: who is asked, for how long, and what becomes of the window."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    InvalidGpuCount,
    NotAllowed,
    OfferOver,
    OverQuota,
    PastStart,
    UnknownOffer,
    WindowTaken,
)
from bot.domain.notices import WaitEnded
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.services import booking, direct_messages, hardware, people, queries, waitlist
from bot.services.transaction import UseCases
from bot.store.offer_tables import WaitRow
from bot.store.tables import AuditEventRow, MemberRow, OutboxRow
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.world import TINY_RUN, a_host, a_member

EVENING = datetime(2026, 11, 23, 18, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
WISH = ReserveRequest(TWO_HOURS, gpu_count=2, start=EVENING)


def full_evening(berth: UseCases) -> tuple[Member, ReservationView]:
    """Two GPUs, both of them Alice's in the evening."""
    a_host(berth, gpus=2)
    alice = a_member(berth)
    return alice, berth.run(booking.reserve, alice, WISH)


def places(berth: UseCases) -> dict[str, str]:
    """The states of all places, by member."""
    rows = berth.database.read(
        lambda s: [(r.member.slack_user_id, r.state) for r in s.scalars(select(WaitRow))]
    )
    return dict(rows)


def told(berth: UseCases, user: str) -> list[str]:
    """The kinds of what a person is told directly."""
    return berth.database.read(
        lambda s: [
            row.payload["kind"]
            for row in s.scalars(select(OutboxRow).order_by(OutboxRow.id))
            if row.lane == f"dm:{user}"
        ]
    )


def held_by(berth: UseCases, member: Member) -> list[int]:
    return [view.reservation_id for view in berth.run(queries.mine, member)]


def test_a_window_that_becomes_free_is_offered_held_and_taken(berth: UseCases) -> None:
    alice, booked = full_evening(berth)
    bob = a_member(berth, "U0BOB")
    place = berth.run(waitlist.join, bob, WISH)
    assert (place.place, place.ahead) == (1, ())
    fire_all(berth)
    assert told(berth, "U0BOB") == [], "nothing is free yet"
    berth.run(booking.cancel, alice, booked.reservation_id, "demo moved")
    fire_all(berth)
    assert told(berth, "U0BOB") == ["window_offered"]
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, alice, WISH)
    assert refusal.value.holdings[0].holder_slack_id == "U0BOB", "held while it is offered"
    assert held_by(berth, bob) == [], "nothing is booked until it is accepted"
    taken = berth.run(waitlist.accept, bob, place.wait_id)
    assert (taken.state, taken.window.start) == (ReservationState.BOOKED, EVENING)
    assert held_by(berth, bob) == [taken.reservation_id]
    assert berth.run(waitlist.accept, bob, place.wait_id) == taken, "a click delivered twice"


def test_what_was_asked_with_a_run_starts_by_itself(berth: UseCases, clock: SetClock) -> None:
    alice, booked = full_evening(berth)
    bob = a_member(berth, "U0BOB")
    wish = ReserveRequest(TWO_HOURS, gpu_count=1, start=EVENING, run=TINY_RUN, note="nightly")
    place = berth.run(waitlist.join, bob, wish)
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    number = berth.run(waitlist.accept, bob, place.wait_id).reservation_id
    clock.move_to(EVENING)
    fire_all(berth)
    view = berth.run(queries.reservation, number)
    assert (view.state, view.note) == (ReservationState.ACTIVE, "nightly")
    assert view.run is not None
    assert view.run.state is RunState.STARTING


@pytest.mark.parametrize("answer", ["decline", "silence", "leave"])
def test_who_does_not_take_it_passes_it_on(berth: UseCases, clock: SetClock, answer: str) -> None:
    alice, booked = full_evening(berth)
    bob, carol = a_member(berth, "U0BOB"), a_member(berth, "U0CAROL")
    first = berth.run(waitlist.join, bob, WISH)
    clock.advance(seconds=1)
    second = berth.run(waitlist.join, carol, WISH)
    assert (second.place, second.ahead) == (2, ("U0BOB",))
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    assert places(berth) == {"U0BOB": OfferState.OPEN, "U0CAROL": OfferState.WAITING}
    if answer == "silence":
        clock.advance(minutes=10)
    elif answer == "decline":
        berth.run(waitlist.decline, bob, first.wait_id)
        berth.run(waitlist.decline, bob, first.wait_id)
    else:
        berth.run(waitlist.leave, bob, first.wait_id)
    fire_all(berth)
    with pytest.raises(OfferOver):
        berth.run(waitlist.accept, bob, first.wait_id)
    assert places(berth)["U0CAROL"] == OfferState.OPEN
    assert told(berth, "U0CAROL") == ["window_offered"]
    expected = ["window_offered", "wait_ended"] if answer == "silence" else ["window_offered"]
    assert told(berth, "U0BOB") == expected
    assert berth.run(waitlist.accept, carol, second.wait_id).state is ReservationState.BOOKED


def test_an_answer_that_comes_too_late_is_refused_even_before_the_timer(
    berth: UseCases, clock: SetClock
) -> None:
    alice, booked = full_evening(berth)
    bob = a_member(berth, "U0BOB")
    place = berth.run(waitlist.join, bob, WISH)
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    clock.advance(minutes=10)
    with pytest.raises(OfferOver) as refusal:
        berth.run(waitlist.accept, bob, place.wait_id)
    assert refusal.value.state == OfferState.EXPIRED


def test_two_who_fit_side_by_side_are_both_asked_one_who_does_not_waits_on(
    berth: UseCases,
) -> None:
    alice, booked = full_evening(berth)
    for user, gpus in (("U0BOB", 1), ("U0CAROL", 2), ("U0DAVE", 1)):
        wish = ReserveRequest(TWO_HOURS, gpu_count=gpus, start=EVENING)
        berth.run(waitlist.join, a_member(berth, user), wish)
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    assert places(berth) == {
        "U0BOB": OfferState.OPEN,
        "U0CAROL": OfferState.WAITING,
        "U0DAVE": OfferState.OPEN,
    }


def test_a_window_that_begins_ends_the_wait_and_says_who_has_it(
    berth: UseCases, clock: SetClock
) -> None:
    full_evening(berth)
    bob = a_member(berth, "U0BOB")
    place = berth.run(waitlist.join, bob, WISH)
    clock.move_to(EVENING)
    fire_all(berth)
    assert places(berth) == {"U0BOB": OfferState.EXPIRED}
    assert told(berth, "U0BOB") == ["wait_ended"]
    with pytest.raises(OfferOver):
        berth.run(waitlist.leave, bob, place.wait_id)


def test_a_wait_that_ends_where_nobody_holds_anything_is_told_all_the_same(
    berth: UseCases, clock: SetClock
) -> None:
    alice, booked = full_evening(berth)
    berth.run(waitlist.join, a_member(berth, "U0BOB"), WISH)
    root = a_member(berth, "U0ROOT", admin=True)
    berth.run(hardware.drain, root, "host1", "dust")
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    clock.move_to(EVENING)
    fire_all(berth)
    assert places(berth) == {"U0BOB": OfferState.EXPIRED}
    assert told(berth, "U0BOB") == [], "no reservation is to be told about"
    (letter,) = berth.write(direct_messages.claim_letters, "test")
    assert letter.to == "U0BOB"
    assert isinstance(letter.notice, WaitEnded)
    assert (letter.notice.reservation_id, letter.notice.why) == (0, "begun")


def test_a_wish_for_now_gets_its_whole_length_whenever_it_is_free(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    booked = berth.run(booking.reserve, alice, ReserveRequest(timedelta(hours=6)))
    place = berth.run(waitlist.join, bob, ReserveRequest(TWO_HOURS))
    clock.advance(hours=2)
    berth.run(booking.cancel, alice, booked.reservation_id, "done early")
    fire_all(berth)
    taken = berth.run(waitlist.accept, bob, place.wait_id)
    assert taken.window.start == clock.now()
    assert taken.window.length >= TWO_HOURS


def test_time_that_ends_by_itself_is_offered_too(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    booked = berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS))
    berth.run(waitlist.join, bob, ReserveRequest(TWO_HOURS))
    clock.move_to(booked.window.end)
    fire_all(berth)
    assert told(berth, "U0BOB") == ["window_offered"]


def test_what_is_free_already_is_offered_at_once_and_the_same_wish_has_one_place(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=2)
    bob = a_member(berth, "U0BOB")
    first, again = berth.run(waitlist.join, bob, WISH), berth.run(waitlist.join, bob, WISH)
    assert first == again
    fire_all(berth)
    assert told(berth, "U0BOB") == ["window_offered"]


def test_who_used_least_is_asked_first(berth: UseCases, clock: SetClock) -> None:
    alice, booked = full_evening(berth)
    busy, fresh = a_member(berth, "U0BOB"), a_member(berth, "U0CAROL")
    _move_to_own_team(berth, fresh)
    fresh = a_member(berth, "U0CAROL")
    berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, gpu_count=2))
    clock.advance(hours=1)
    berth.run(waitlist.join, busy, WISH)
    place = berth.run(waitlist.join, fresh, WISH)
    assert place.place == 1, "her team has used nothing"
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    assert places(berth)["U0CAROL"] == OfferState.OPEN


def _move_to_own_team(berth: UseCases, member: Member) -> None:
    team_id = berth.write(people.ensure_team, "vision", "C0VISION")
    berth.database.write(
        lambda s: setattr(s.get_one(MemberRow, member.member_id), "team_id", team_id)
    )


def test_what_can_never_be_served_is_refused_at_once(berth: UseCases) -> None:
    full_evening(berth)
    bob = a_member(berth, "U0BOB")
    with pytest.raises(InvalidGpuCount):
        berth.run(waitlist.join, bob, ReserveRequest(TWO_HOURS, gpu_count=9, start=EVENING))
    past = EVENING - timedelta(days=2)
    with pytest.raises(PastStart):
        berth.run(waitlist.join, bob, ReserveRequest(TWO_HOURS, start=past))
    with pytest.raises(OverQuota):
        berth.run(waitlist.join, bob, ReserveRequest(TWO_HOURS, priority=Priority.P0))
    assert places(berth) == {}


def test_a_place_is_only_its_members(berth: UseCases) -> None:
    full_evening(berth)
    bob, carol = a_member(berth, "U0BOB"), a_member(berth, "U0CAROL")
    place = berth.run(waitlist.join, bob, WISH)
    for act in (waitlist.leave, waitlist.accept, waitlist.decline):
        with pytest.raises(NotAllowed):
            berth.run(act, carol, place.wait_id)
        with pytest.raises(UnknownOffer):
            berth.run(act, bob, 4711)
    assert berth.run(waitlist.mine, carol) == ()
    assert [one.wait_id for one in berth.run(waitlist.mine, bob)] == [place.wait_id]


def test_every_step_is_in_the_audit(berth: UseCases) -> None:
    alice, booked = full_evening(berth)
    bob = a_member(berth, "U0BOB")
    place = berth.run(waitlist.join, bob, WISH)
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    berth.run(waitlist.accept, bob, place.wait_id)
    actions = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow.action)
            .where(AuditEventRow.subject_type == "wait")
            .order_by(AuditEventRow.id)
        ).all()
    )
    assert actions == ["waitlist.joined", "waitlist.offered", "waitlist.accepted"]
