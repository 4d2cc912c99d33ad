from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store import timers
from bot.store.database import Database
from bot.store.tables import TimerRow
from bot.store.timers import DueTimer
from tests.strategies import MONDAY as NOW

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


class Timers:
    """The store's functions, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def arm(self, kind: str = "starts", subject: int = 1, due_in: timedelta = -SECOND) -> None:
        self.database.write(lambda s: timers.arm(s, kind, subject, NOW + due_in))

    def claim(
        self, owner: str = "a", after: timedelta = timedelta(), limit: int = 10
    ) -> tuple[DueTimer, ...]:
        return self.database.write(lambda s: timers.claim_due(s, NOW + after, owner, LEASE, limit))

    def finish(self, timer: DueTimer, owner: str = "a") -> bool:
        return self.database.write(lambda s: timers.finish(s, timer, owner, NOW))

    def give_back(self, timer: DueTimer, owner: str, retry_in: timedelta) -> None:
        self.database.write(lambda s: timers.give_back(s, timer, owner, NOW + retry_in))

    def next_due(self) -> timedelta | None:
        due = self.database.read(timers.next_due)
        return None if due is None else due - NOW

    def rows(self) -> list[TimerRow]:
        return self.database.read(lambda s: list(s.scalars(select(TimerRow))))


@pytest.fixture
def store(database: Database) -> Timers:
    return Timers(database)


def test_a_due_timer_is_taken_once_and_fires_once(store: Timers) -> None:
    store.arm()
    (timer,) = store.claim("a")
    assert (timer.kind, timer.subject_id, timer.failures) == ("starts", 1, 0)
    assert store.claim("b") == ()
    assert store.finish(timer, "a")
    assert not store.finish(timer, "a"), "done is done"
    assert store.claim("a", after=timedelta(days=1)) == ()


def test_a_timer_is_not_taken_before_its_time(store: Timers) -> None:
    store.arm(due_in=SECOND)
    assert store.claim() == ()
    assert store.next_due() == SECOND
    assert len(store.claim(after=SECOND)) == 1


def test_oldest_first_and_no_more_than_asked_for(store: Timers) -> None:
    for subject, due_in in ((1, -1), (2, -3), (3, -2)):
        store.arm(subject=subject, due_in=due_in * SECOND)
    assert [timer.subject_id for timer in store.claim(limit=2)] == [2, 3]
    assert [timer.subject_id for timer in store.claim("b")] == [1]


def test_two_owners_at_once_never_have_the_same_timer(store: Timers) -> None:
    for subject in range(6):
        store.arm(subject=subject)

    def both(session: Session) -> tuple[DueTimer, ...]:
        first = timers.claim_due(session, NOW, "a", LEASE, 3)
        session.flush()
        if store.database.engine.dialect.name == "postgresql":
            # While a's transaction is open b skips what a has locked and does not wait for it.
            assert len(store.claim("b", limit=6)) == 3
        return first

    first = store.database.write(both)
    rest = store.claim("b", limit=6)
    owners = {row.subject_id: row.lease_owner for row in store.rows()}
    assert sorted(owners.values(), key=str) == ["a"] * 3 + ["b"] * 3
    assert {timer.subject_id for timer in first}.isdisjoint(timer.subject_id for timer in rest)


def test_an_expired_lease_is_taken_over_and_the_late_holder_changes_nothing(
    store: Timers,
) -> None:
    store.arm()
    (lost,) = store.claim("a")
    assert store.claim("b", after=LEASE - SECOND) == ()
    (taken,) = store.claim("b", after=LEASE)
    assert not store.finish(lost, "a")
    store.give_back(lost, "a", 9 * SECOND)
    assert store.rows()[0].lease_owner == "b"
    assert store.finish(taken, "b")


def test_armed_again_during_the_work_it_fires_again(store: Timers) -> None:
    store.arm(due_in=-2 * SECOND)
    (timer,) = store.claim("a")
    store.arm(due_in=-SECOND)
    assert not store.finish(timer, "a"), "the work was for another due time"
    (again,) = store.claim("b")
    assert again.due_at == NOW - SECOND


def test_armed_again_at_the_same_time_the_work_in_progress_does_not_count(store: Timers) -> None:
    store.arm()
    (timer,) = store.claim("a")
    store.arm()
    assert not store.finish(timer, "a")
    assert len(store.claim("b")) == 1


def test_armed_again_after_it_fired_it_fires_again(store: Timers) -> None:
    store.arm()
    store.finish(store.claim()[0])
    store.arm(due_in=5 * SECOND)
    assert len(store.rows()) == 1, "one timer of a kind and subject"
    assert store.next_due() == 5 * SECOND


def test_disarmed_it_never_fires_even_when_it_is_being_worked_on(store: Timers) -> None:
    store.arm("starts")
    store.arm("ends", due_in=SECOND)
    store.arm("ends", subject=2)
    (other, timer) = sorted(store.claim("a"), key=lambda timer: timer.kind)
    store.database.write(lambda s: timers.disarm(s, 1, ("starts", "ends"), NOW))
    assert not store.finish(timer, "a")
    assert store.finish(other, "a"), "another subject's timer is not touched"
    assert store.claim("b", after=timedelta(hours=1)) == ()
    assert store.next_due() is None


def test_a_failed_one_waits_and_is_never_dropped(store: Timers) -> None:
    store.arm()
    for failures in range(3):
        (timer,) = store.claim(after=failures * LEASE)
        assert timer.failures == failures
        store.give_back(timer, "a", failures * LEASE + 9 * SECOND)
        assert store.next_due() == failures * LEASE + 9 * SECOND
        assert store.claim(after=failures * LEASE + 8 * SECOND) == ()


def test_the_next_due_time_counts_leases_and_forgets_what_is_done(store: Timers) -> None:
    assert store.next_due() is None
    store.arm(due_in=-SECOND)
    assert store.next_due() == -SECOND
    (timer,) = store.claim()
    assert store.next_due() == LEASE
    store.finish(timer)
    assert store.next_due() is None
