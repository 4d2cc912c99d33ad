"""Transfers and swaps against each other and against giving back, from many threads."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bot.domain.errors import BerthError
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.services import booking, queries, swaps, transfers, upkeep
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.offer_tables import SwapRow, TransferRow
from bot.store.tables import AttemptRow, AuditEventRow, ClaimRow, OutboxRow, ReservationRow
from tests.support.rival import RIVALS, all_at_once, use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPERATIONS_EACH = 12
KINDLY = {
    "offer_over",
    "reservation_over",
    "not_the_holder",
    "cannot_hand_over",
    "not_allowed",
}
"""How a click that comes too late is refused."""


@pytest.fixture
def berth(database: Database) -> UseCases:
    berth = use_cases_over(database, NOW)
    a_host(berth, "host1", 4)
    a_host(berth, "host2", 4)
    return berth


@pytest.fixture
def alice(berth: UseCases) -> Member:
    return a_member(berth)


@pytest.fixture
def bob(berth: UseCases) -> Member:
    return a_member(berth, "U0BOB")


def book(berth: UseCases, member: Member, hours_ahead: int = 4, gpus: int = 1) -> int:
    start = NOW.replace(minute=0) + hours_ahead * HOUR
    request = ReserveRequest(2 * HOUR, gpu_count=gpus, start=start)
    return berth.run(booking.reserve, member, request).reservation_id


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except BerthError as error:
        return error.code
    return "done"


def count(berth: UseCases, action: str) -> int:
    statement = select(func.count(AuditEventRow.id)).where(AuditEventRow.action == action)
    return berth.database.read(lambda s: s.scalar(statement)) or 0


def decided(berth: UseCases, kind: str, state: str) -> int:
    """How many direct messages told that state."""
    rows = berth.database.read(lambda s: s.scalars(select(OutboxRow)).all())
    return sum(
        row.payload.get("kind") == kind and row.payload.get("state") == state
        for row in rows
        if row.kind == "direct"
    )


def assert_whole(berth: UseCases) -> None:
    """Claims never overlap, and each reservation has one holder, its window and its claims."""
    joined = text(
        "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
        " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
    )
    assert berth.database.read(lambda s: s.execute(joined).scalar()) == 0
    for row in berth.database.read(lambda s: s.scalars(select(ReservationRow)).all()):
        assert row.claims
        if row.state == ReservationState.BOOKED:
            assert {(c.starts_at, c.ends_at, c.live) for c in row.claims} == {
                (row.starts_at, row.ends_at, True)
            }
        elif row.state == ReservationState.CANCELLED:
            assert not any(c.live for c in row.claims)


def test_sixteen_clicks_on_accept_hand_over_once(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    number = book(berth, alice)
    offered = berth.run(transfers.offer, alice, number, bob).transfer_id
    outcomes = all_at_once(lambda _: outcome(lambda: berth.run(transfers.accept, bob, offered)))
    assert outcomes == ["done"] * RIVALS
    assert berth.run(queries.reservation, number).holder_slack_id == "U0BOB"
    assert count(berth, "transfer.accepted") == 1
    assert decided(berth, "transfer_decided", "accepted") == 1


@pytest.mark.parametrize("rival", ["cancel", "withdraw", "decline", "offer"])
def test_accepting_while_it_is_taken_back_has_one_outcome(
    berth: UseCases, alice: Member, bob: Member, rival: str
) -> None:
    carol = a_member(berth, "U0CAROL")
    for _ in range(3):
        number = book(berth, alice)
        offered = berth.run(transfers.offer, alice, number, bob).transfer_id
        rivals: dict[str, Callable[[], object]] = {
            "cancel": partial(berth.run, booking.cancel, alice, number, ""),
            "withdraw": partial(berth.run, transfers.withdraw, alice, offered),
            "decline": partial(berth.run, transfers.decline, bob, offered),
            "offer": partial(berth.run, transfers.offer, alice, number, carol),
        }

        def act(
            which: int, offered: int = offered, other: Callable[[], object] = rivals[rival]
        ) -> str:
            if which % 2:
                return outcome(other)
            return outcome(lambda: berth.run(transfers.accept, bob, offered))

        outcomes = all_at_once(act)
        state = berth.run(transfers.look_up, offered).state
        view = berth.run(queries.reservation, number)
        accepted = state is OfferState.ACCEPTED
        assert view.holder_slack_id == ("U0BOB" if accepted else "U0ALICE")
        assert set(outcomes) <= {"done"} | KINDLY, outcomes
        assert (view.state is ReservationState.CANCELLED) == (rival == "cancel" and not accepted)
        assert set(outcomes[::2]) == ({"done"} if accepted else {"offer_over"})
        if view.state is not ReservationState.CANCELLED:
            holder = bob if accepted else alice
            berth.run(booking.cancel, holder, number, "")
        assert_whole(berth)


def test_swapping_while_one_is_given_back_has_one_outcome(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    for _ in range(3):
        mine, theirs = book(berth, alice, 4, 2), book(berth, bob, 8, 1)
        proposed = berth.run(swaps.propose, alice, mine, theirs)

        def act(
            which: int, swap_id: int = proposed.swap_id, mine: int = mine, theirs: int = theirs
        ) -> str:
            rival, member = (mine, alice) if which % 4 == 1 else (theirs, bob)
            if which % 2:
                return outcome(lambda: berth.run(booking.cancel, member, rival, ""))
            return outcome(lambda: berth.run(swaps.accept, bob, swap_id))

        outcomes = all_at_once(act)
        assert set(outcomes) <= {"done"} | KINDLY, outcomes
        exchanged = berth.run(swaps.look_up, proposed.swap_id).state is OfferState.ACCEPTED
        after = berth.run(queries.reservation, mine), berth.run(queries.reservation, theirs)
        windows = (after[0].window, after[1].window)
        shown = (proposed.first.window, proposed.second.window)
        assert windows == (shown[::-1] if exchanged else shown)
        assert all(view.state is ReservationState.CANCELLED for view in after)
        assert_whole(berth)


def test_swaps_that_cross_happen_one_after_the_other_or_not_at_all(
    berth: UseCases, alice: Member, bob: Member
) -> None:
    carol = a_member(berth, "U0CAROL")
    members = {0: alice, 1: bob, 2: carol}
    held = [book(berth, member, 4 + 4 * who, who + 1) for who, member in members.items()]
    before = {number: berth.run(queries.reservation, number) for number in held}
    proposals = [
        berth.run(swaps.propose, members[who], held[who], held[(who + 1) % 3]).swap_id
        for who in range(3)
    ]

    def act(which: int) -> str:
        asked = members[(which + 1) % 3]
        return outcome(lambda: berth.run(swaps.accept, asked, proposals[which % 3]))

    outcomes = all_at_once(act)
    assert set(outcomes) <= {"done", "offer_over"}
    states = Counter(berth.run(swaps.look_up, one).state for one in proposals)
    assert states == {OfferState.ACCEPTED: 1, OfferState.WITHDRAWN: 2}
    assert_whole(berth)
    after = {number: berth.run(queries.reservation, number) for number in held}
    moved = [number for number in held if after[number].window != before[number].window]
    assert len(moved) == 2
    assert sorted(view.window for view in after.values()) == sorted(
        view.window for view in before.values()
    )
    assert [after[number].holder_slack_id for number in held] == [
        before[number].holder_slack_id for number in held
    ]


class Dealer:
    """Hands over, swaps, answers and gives back at random."""

    def __init__(self, berth: UseCases, members: list[Member], held: list[int], seed: int) -> None:
        self._berth, self._members, self._held = berth, members, held
        self._random = random.Random(seed)

    def act(self) -> str:
        pick = self._random
        member, other = pick.sample(self._members, 2)
        mine, theirs = pick.sample(self._held, 2)
        offer_id = pick.randint(1, 12)
        choices: list[Callable[[], object]] = [
            lambda: self._berth.run(transfers.offer, self._holder(mine), mine, other),
            lambda: self._berth.run(transfers.accept, member, offer_id),
            lambda: self._berth.run(transfers.decline, member, offer_id),
            lambda: self._berth.run(swaps.propose, self._holder(mine), mine, theirs),
            lambda: self._berth.run(swaps.accept, self._holder(theirs), offer_id),
            lambda: self._berth.run(swaps.withdraw, member, offer_id),
        ]
        return outcome(pick.choice(choices))

    def _holder(self, number: int) -> Member:
        holder = self._berth.run(queries.reservation, number).holder_slack_id
        return next(each for each in self._members if each.slack_user_id == holder)


def test_after_any_sequence_everything_is_whole_and_no_run_has_noticed(berth: UseCases) -> None:
    members = [a_member(berth, f"U0T{number}") for number in range(4)]
    running = berth.run(
        booking.reserve, members[0], ReserveRequest(2 * HOUR, run=TINY_RUN)
    ).reservation_id
    for timer in berth.write(upkeep.claim_timers, "c"):
        berth.write(upkeep.fire, timer, "c")
    held = [running]
    held += [book(berth, members[each % 4], 4 + 2 * (each % 3), 1 + each % 2) for each in range(6)]
    before = berth.database.read(lambda s: s.scalars(select(AttemptRow)).all())
    shapes = berth.database.read(claim_shapes)
    dealers = [Dealer(berth, members, held, seed) for seed in range(RIVALS)]

    def work(number: int) -> Counter[str]:
        return Counter(dealers[number].act() for _ in range(OPERATIONS_EACH))

    outcomes = sum(all_at_once(work), Counter[str]())
    assert set(outcomes) <= {"done", "unknown_offer"} | KINDLY, outcomes
    assert outcomes["done"] > 10, outcomes
    assert_whole(berth)
    assert berth.database.read(claim_shapes) == shapes, "claims only change reservation"
    after = berth.database.read(lambda s: s.scalars(select(AttemptRow)).all())
    assert [(a.id, a.state, a.fence) for a in after] == [(a.id, a.state, a.fence) for a in before]
    for kind in (TransferRow, SwapRow):
        states = Counter(berth.database.read(partial(states_of, kind)))
        assert count(berth, f"{kind.__tablename__[:-1]}.accepted") in (
            states["accepted"],
            2 * states["accepted"],
        )


def states_of(kind: type[TransferRow] | type[SwapRow], session: Session) -> list[str]:
    return list(session.scalars(select(kind.state)))


def claim_shapes(session: Session) -> list[tuple[object, ...]]:
    rows = session.scalars(select(ClaimRow).order_by(ClaimRow.id))
    return [(row.id, row.gpu_id, row.starts_at, row.ends_at, row.live) for row in rows]
