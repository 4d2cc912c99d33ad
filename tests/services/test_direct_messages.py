"""What belongs to no reservation is told too: in order with all else, never twice, never lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from bot.domain.notices import JobDispatched, Notice
from bot.ports.messenger import DeliveryFailed
from bot.services import direct_messages, outbox
from bot.services.direct_messages import Letter
from bot.services.outbox import Parcel
from bot.services.transaction import Tx, UseCases
from bot.store.message_tables import DirectMessageRow
from bot.store.tables import OutboxRow, ReservationRow
from tests.support.clock import SetClock
from tests.support.rows import a_reservation_row

SECOND = timedelta(seconds=1)
OWNER = "clockwork"
LANE = "dm:U0ALICE"


LATER = datetime(2026, 11, 23, 18, tzinfo=UTC)


def notice(number: int, reservation_id: int = 0) -> Notice:
    return JobDispatched(reservation_id, number, (), LATER)


def write(berth: UseCases, number: int, to: str = "U0ALICE") -> None:
    """Write a message of its own."""
    berth.write(direct_messages.tell, to, notice(number))


def write_about(berth: UseCases, reservation_id: int, number: int) -> None:
    """Write a message about a reservation to the same person."""

    def tell(tx: Tx) -> None:
        row = tx.session.get_one(ReservationRow, reservation_id)
        outbox.tell_member(tx, "U0ALICE", row, notice(number, reservation_id))

    berth.write(tell)


def reservation(berth: UseCases) -> int:
    return berth.write(lambda tx: a_reservation_row(tx.session).id)


def letters(berth: UseCases, owner: str = OWNER) -> tuple[Letter, ...]:
    return berth.write(direct_messages.claim_letters, owner)


def number_of(told: Notice | None) -> int:
    assert isinstance(told, JobDispatched)
    return told.wait_id


@dataclass(frozen=True)
class Round:
    """What one sender has taken at once."""

    berth: UseCases
    owner: str
    parcels: tuple[Parcel, ...]
    letters: tuple[Letter, ...]

    @classmethod
    def taken(cls, berth: UseCases, owner: str = OWNER) -> Round:
        """Take what is due."""
        parcels = berth.write(outbox.claim_deliveries, owner)
        return cls(berth, owner, parcels, letters(berth, owner))

    @property
    def numbers(self) -> list[int]:
        """The numbers of what is told."""
        told = [one.notice for one in self.parcels] + [one.notice for one in self.letters]
        return [number_of(one) for one in told]

    def record(self) -> None:
        """Record that all of it went out."""
        for parcel in self.parcels:
            self.berth.write(outbox.record_sent, parcel, self.owner)
        for letter in self.letters:
            self.berth.write(direct_messages.record_sent, letter, self.owner)


def deliver_next(berth: UseCases) -> list[int]:
    """Let one round go out, and return the numbers of what was told."""
    taken = Round.taken(berth)
    taken.record()
    return taken.numbers


def test_it_goes_out_once(berth: UseCases) -> None:
    write(berth, 1)
    (letter,) = letters(berth)
    assert (letter.to, number_of(letter.notice), letter.uncertain) == ("U0ALICE", 1, False)
    assert letters(berth, "another") == ()
    berth.write(direct_messages.record_sent, letter, OWNER)
    assert letters(berth) == ()
    assert berth.run(outbox.next_delivery_at) is None


def test_those_to_one_person_go_out_one_after_another_others_beside_them(
    berth: UseCases, clock: SetClock
) -> None:
    for number in (1, 2):
        write(berth, number)
    write(berth, 3, "U0BOB")
    assert [number_of(one.notice) for one in letters(berth)] == [1, 3]
    assert letters(berth) == ()


def test_the_older_of_both_kinds_goes_first(berth: UseCases, clock: SetClock) -> None:
    number = reservation(berth)
    for step in range(6):
        clock.advance(seconds=1)
        if step % 2:
            write(berth, step)
        else:
            write_about(berth, number, step)
    told = []
    while sent := deliver_next(berth):
        assert len(sent) == 1, "one of a lane at a time"
        told += sent
    assert told == [0, 1, 2, 3, 4, 5]


def test_while_one_is_out_nothing_else_of_its_lane_is_taken(
    berth: UseCases, clock: SetClock
) -> None:
    number = reservation(berth)
    write(berth, 1)
    (letter,) = letters(berth)
    clock.advance(seconds=1)
    write_about(berth, number, 2)
    assert berth.write(outbox.claim_deliveries, "another") == ()
    berth.write(direct_messages.record_sent, letter, OWNER)
    (parcel,) = berth.write(outbox.claim_deliveries, "another")
    write(berth, 3)
    assert letters(berth) == ()
    berth.write(outbox.record_sent, parcel, "another")
    assert deliver_next(berth) == [3]


def test_a_sender_that_died_is_followed_by_one_that_looks_first(
    berth: UseCases, clock: SetClock
) -> None:
    write(berth, 1)
    (first,) = letters(berth, "dead")
    assert berth.run(outbox.next_delivery_at) == clock.now() + outbox.LEASE
    clock.advance(seconds=outbox.LEASE.total_seconds())
    (second,) = letters(berth)
    assert (second.uncertain, second.delivery_key) == (True, first.delivery_key)
    berth.write(direct_messages.record_sent, first, "dead")
    (row,) = rows(berth)
    assert row.state == "pending", "whose lease is over changes nothing"
    berth.write(direct_messages.record_sent, second, OWNER)
    assert rows(berth)[0].state == "sent"


def rows(berth: UseCases) -> list[DirectMessageRow]:
    in_order = select(DirectMessageRow).order_by(DirectMessageRow.id)
    return berth.database.read(lambda session: list(session.scalars(in_order)))


def test_what_fails_is_tried_again_later_each_time_and_holds_its_lane(
    berth: UseCases, clock: SetClock
) -> None:
    number = reservation(berth)
    write(berth, 1)
    clock.advance(seconds=1)
    write_about(berth, number, 2)
    waits = []
    for _ in range(4):
        (letter,) = letters(berth)
        berth.write(direct_messages.record_retry, letter, OWNER, "timeout", None)
        assert berth.write(outbox.claim_deliveries, OWNER) == (), "order is kept"
        due = berth.run(outbox.next_delivery_at)
        assert due is not None
        waits.append((due - clock.now()).total_seconds())
        clock.move_to(due)
    assert waits == [1, 2, 4, 8]
    assert deliver_next(berth) == [1]
    assert deliver_next(berth) == [2]


def test_what_can_never_go_out_is_given_up_and_told_to_nobody_else(berth: UseCases) -> None:
    write(berth, 1)
    write(berth, 2)
    (letter,) = letters(berth)
    failure = DeliveryFailed("account_inactive", permanent=True)
    berth.write(direct_messages.record_refusal, letter, OWNER, failure.reason)
    assert [row.state for row in rows(berth)] == ["dead", "pending"]
    assert deliver_next(berth) == [2]


def test_a_notice_of_another_release_is_given_up_and_not_in_the_way(berth: UseCases) -> None:
    write(berth, 1)
    write(berth, 2)

    def spoil(tx: Tx) -> None:
        row = tx.session.scalars(select(DirectMessageRow).order_by(DirectMessageRow.id)).first()
        assert row is not None
        row.payload = {"v": 9, "kind": "of_tomorrow"}

    berth.write(spoil)
    assert letters(berth) == ()
    assert deliver_next(berth) == [2]


def test_sixteen_senders_tell_each_message_once_and_in_order(berth: UseCases) -> None:
    number = reservation(berth)
    for step in range(12):
        if step % 3:
            write(berth, step)
        else:
            write_about(berth, number, step)
    told: list[int] = []
    most_at_once = [0]

    def send(owner: str) -> None:
        while len(told) < 12:
            taken = Round.taken(berth, owner)
            most_at_once[0] = max(most_at_once[0], len(taken.numbers))
            told.extend(taken.numbers)
            taken.record()

    threads = [threading.Thread(target=send, args=(f"w{index}",)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == list(range(12))
    assert most_at_once == [1], "one of a lane at a time"


moments = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=12)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moments=moments)
def test_neither_kind_ever_waits_for_the_other_for_ever(
    berth: UseCases, clock: SetClock, moments: list[tuple[bool, int]]
) -> None:
    """Commits may come in another order than the instants at which their use cases began."""

    def fill(tx: Tx) -> None:
        tx.session.execute(delete(DirectMessageRow))
        tx.session.execute(delete(OutboxRow))
        row = tx.session.scalar(select(ReservationRow)) or a_reservation_row(tx.session)
        for own, late in moments:
            then = Tx(tx.session, tx.now + late * SECOND, tx.policy, tx.defaults)
            if own:
                direct_messages.tell(then, "U0ALICE", notice(1))
            else:
                outbox.tell_member(then, "U0ALICE", row, notice(2, row.id))
            tx.session.flush()

    berth.write(fill)
    clock.advance(seconds=5)
    rounds = 0
    while sent := deliver_next(berth):
        assert len(sent) == 1
        rounds += 1
    assert rounds == len(moments)
    assert berth.run(outbox.next_delivery_at) is None
