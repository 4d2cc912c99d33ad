"""Two holders exchange windows and GPUs, in one step, before either has started."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    CannotHandOver,
    NotTheHolder,
    OfferOver,
    OverQuota,
    ReservationOver,
    UnknownOffer,
    UnknownReservation,
)
from bot.domain.handovers import SwapView
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.services import booking, people, queries, swaps, transfers, upkeep
from bot.services.transaction import Tx, UseCases
from bot.store.tables import AuditEventRow, MemberRow, OutboxRow, TeamRow, TimerRow
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)


@pytest.fixture
def alice(berth: UseCases) -> Member:
    a_host(berth, "host1", 2)
    a_host(berth, "host2", 2)
    return a_member(berth)


@pytest.fixture
def bob(berth: UseCases) -> Member:
    return a_member(berth, "U0BOB")


def book(berth: UseCases, member: Member, hours_ahead: int, **more: object) -> ReservationView:
    start = berth.clock.now().replace(minute=0) + hours_ahead * HOUR
    request = ReserveRequest(2 * HOUR, start=start, **more)  # type: ignore[arg-type] # fields of it
    return berth.run(booking.reserve, member, request)


def view(berth: UseCases, one: ReservationView) -> ReservationView:
    return berth.run(queries.reservation, one.reservation_id)


def fire_due(berth: UseCases) -> None:
    for timer in berth.write(upkeep.claim_timers, "test"):
        berth.write(upkeep.fire, timer, "test")


def propose(
    berth: UseCases, member: Member, mine: ReservationView, theirs: ReservationView
) -> SwapView:
    return berth.run(swaps.propose, member, mine.reservation_id, theirs.reservation_id, "please")


def direct(berth: UseCases, user: str) -> list[str]:
    rows = berth.database.read(
        lambda s: s.scalars(
            select(OutboxRow).where(OutboxRow.lane == f"dm:{user}").order_by(OutboxRow.id)
        ).all()
    )
    return [f"{row.payload['kind']} {row.payload.get('state', '')}".strip() for row in rows]


def test_who_agrees_gets_the_others_window_and_gpus_and_keeps_all_else(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    mine = book(berth, alice, 4, gpu_count=2, run=TINY_RUN, note="release")
    theirs = book(berth, bob, 8, note="research")
    proposed = propose(berth, alice, mine, theirs)
    assert view(berth, mine) == mine, "until it is accepted"
    assert direct(berth, "U0BOB") == ["swap_proposed"]
    seen = (proposed.first.version, proposed.second.version)
    accepted = berth.run(swaps.accept, bob, proposed.swap_id, seen)
    assert accepted.state is OfferState.ACCEPTED
    first, second = view(berth, mine), view(berth, theirs)
    assert (first.window, first.gpus) == (theirs.window, theirs.gpus)
    assert (second.window, second.gpus) == (mine.window, mine.gpus)
    assert (first.holder_slack_id, first.note, first.run) == ("U0ALICE", "release", mine.run)
    assert (second.holder_slack_id, second.note) == ("U0BOB", "research")
    assert direct(berth, "U0ALICE") == ["swap_decided accepted"]
    clock.move_to(second.window.start)
    fire_due(berth)
    assert view(berth, theirs).state is ReservationState.ACTIVE
    assert view(berth, mine).state is ReservationState.BOOKED, "its timers went along"
    clock.move_to(first.window.start)
    fire_due(berth)
    run = view(berth, mine).run
    assert run is not None
    assert run.state is RunState.STARTING


def test_overlapping_windows_on_the_same_gpus_are_no_hindrance(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine, theirs = book(berth, alice, 4, gpu_count=2), book(berth, bob, 4, gpu_count=2)
    berth.run(swaps.accept, bob, propose(berth, alice, mine, theirs).swap_id)
    assert view(berth, mine).gpus == theirs.gpus
    assert view(berth, theirs).gpus == mine.gpus
    book(berth, alice, 6, gpu_count=4)


def test_both_timers_follow_their_windows(berth: UseCases, alice: Member, bob: Member) -> None:
    mine, theirs = book(berth, alice, 4, run=TINY_RUN), book(berth, bob, 10)
    berth.run(swaps.accept, bob, propose(berth, alice, mine, theirs).swap_id)
    rows = berth.database.read(
        lambda s: s.scalars(select(TimerRow).where(TimerRow.done_at.is_(None))).all()
    )
    due_at = {(row.kind, row.subject_id): row.due_at for row in rows}
    for one, window in ((mine, theirs.window), (theirs, mine.window)):
        assert due_at["reservation_starts", one.reservation_id] == window.start
        assert due_at["reservation_ends", one.reservation_id] == window.end
        assert due_at["ends_soon:60", one.reservation_id] == window.end - HOUR
    stop_at = theirs.window.end - berth.policy.stop_lead
    assert due_at["run_stops", mine.reservation_id] == stop_at


def test_declining_withdrawing_and_silence_leave_both_as_they_are(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    mine, theirs = book(berth, alice, 4), book(berth, bob, 8)
    declined = propose(berth, alice, mine, theirs)
    for _ in range(2):
        berth.run(swaps.decline, bob, declined.swap_id, "no")
    withdrawn = propose(berth, alice, mine, theirs)
    for _ in range(2):
        berth.run(swaps.withdraw, alice, withdrawn.swap_id)
    silent = propose(berth, alice, mine, theirs)
    assert propose(berth, alice, mine, theirs) == silent, "the same again changes nothing"
    clock.move_to(silent.expires_at)
    with pytest.raises(OfferOver):
        berth.run(swaps.accept, bob, silent.swap_id)
    fire_due(berth)
    states = [
        berth.run(swaps.look_up, each.swap_id).state for each in (declined, withdrawn, silent)
    ]
    assert states == [OfferState.DECLINED, OfferState.WITHDRAWN, OfferState.EXPIRED]
    for one in (mine, theirs):
        assert view(berth, one).window == one.window
    assert direct(berth, "U0ALICE") == ["swap_decided declined", "swap_decided expired"]


def test_who_proposes_what_was_proposed_to_them_agrees(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine, theirs = book(berth, alice, 4), book(berth, bob, 8)
    first = propose(berth, alice, mine, theirs)
    second = propose(berth, bob, theirs, mine)
    assert second.swap_id == first.swap_id
    assert second.state is OfferState.ACCEPTED
    assert view(berth, mine).window == theirs.window


def test_a_swap_ends_all_that_was_open_about_either(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    carol = a_member(berth, "U0CAROL")
    mine, theirs, third = book(berth, alice, 4), book(berth, bob, 8), book(berth, carol, 12)
    other = propose(berth, carol, third, theirs)
    offered = berth.run(transfers.offer, alice, mine.reservation_id, carol)
    berth.run(swaps.accept, bob, propose(berth, alice, mine, theirs).swap_id)
    with pytest.raises(OfferOver):
        berth.run(swaps.accept, bob, other.swap_id)
    with pytest.raises(OfferOver):
        berth.run(transfers.accept, carol, offered.transfer_id)


def test_what_was_changed_since_it_was_shown_is_not_exchanged(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine, theirs = book(berth, alice, 4), book(berth, bob, 8)
    proposed = propose(berth, alice, mine, theirs)
    seen = (proposed.first.version, proposed.second.version)
    berth.run(booking.extend, alice, mine.reservation_id, mine.window.end + 2 * HOUR)
    overtaken = berth.run(swaps.accept, bob, proposed.swap_id, seen)
    assert overtaken.state is OfferState.WITHDRAWN
    assert view(berth, theirs).window == theirs.window


def test_what_cannot_be_exchanged(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    mine, theirs, own = book(berth, alice, 4), book(berth, bob, 8), book(berth, alice, 8)
    with pytest.raises(UnknownReservation):
        berth.run(swaps.propose, alice, mine.reservation_id, 99)
    with pytest.raises(UnknownOffer):
        berth.run(swaps.accept, bob, 99)
    with pytest.raises(NotTheHolder):
        propose(berth, bob, mine, theirs)
    for other in (own, mine):
        with pytest.raises(CannotHandOver) as same:
            propose(berth, alice, mine, other)
        assert same.value.why == "already_theirs"
    proposed = propose(berth, alice, mine, theirs)
    with pytest.raises(NotTheHolder):
        berth.run(swaps.accept, alice, proposed.swap_id)
    berth.run(booking.cancel, bob, theirs.reservation_id, "")
    with pytest.raises(OfferOver):
        berth.run(swaps.accept, bob, proposed.swap_id)
    with pytest.raises(ReservationOver):
        propose(berth, alice, mine, theirs)
    later = book(berth, bob, 8)
    clock.move_to(mine.window.start)
    fire_due(berth)
    with pytest.raises(CannotHandOver) as started:
        propose(berth, alice, mine, later)
    assert started.value.why == "started"


def test_a_training_never_gets_gpus_of_two_hosts(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine = book(berth, alice, 4, run=TINY_RUN)
    theirs = book(berth, bob, 8, gpu_names=("gpu0@host1", "gpu0@host2"))
    with pytest.raises(CannotHandOver) as refusal:
        propose(berth, alice, mine, theirs)
    assert (refusal.value.reservation_id, refusal.value.why) == (
        mine.reservation_id,
        "several_hosts",
    )


def test_neither_team_gets_more_than_it_may_hold(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    def to_small_team(tx: Tx) -> Member:
        row = tx.session.get_one(MemberRow, bob.member_id)
        row.team = tx.session.get_one(TeamRow, people.ensure_team(tx, "vision", "C0OTHER"))
        row.team.quota_gpus_at_once = 1
        tx.session.flush()
        return people.member_of(row)

    bob = berth.write(to_small_team)
    mine, theirs = book(berth, alice, 4, gpu_count=2), book(berth, bob, 8)
    with pytest.raises(OverQuota) as over:
        propose(berth, alice, mine, theirs)
    assert over.value.team_name == "vision"
    berth.run(swaps.accept, bob, propose(berth, alice, book(berth, alice, 4), theirs).swap_id)


def test_both_reservations_have_it_in_their_history(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    mine, theirs = book(berth, alice, 4), book(berth, bob, 8)
    berth.run(swaps.accept, bob, propose(berth, alice, mine, theirs).swap_id)
    events = berth.database.read(
        lambda s: s.scalars(select(AuditEventRow).where(AuditEventRow.action.like("swap.%"))).all()
    )
    told = {(event.action, event.subject_id, event.actor) for event in events}
    assert told == {
        (action, one.reservation_id, who)
        for one in (mine, theirs)
        for action, who in (("swap.proposed", "U0ALICE"), ("swap.accepted", "U0BOB"))
    }
