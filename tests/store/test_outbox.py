from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store import outbox
from bot.store.database import Database
from bot.store.outbox import Delivery, DeliveryKind
from bot.store.tables import OutboxRow
from tests.strategies import MONDAY as NOW
from tests.support.rows import a_reservation_row

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


class Outbox:
    """The store's functions, each in a transaction of its own, on reservations 1 and 2."""

    def __init__(self, database: Database) -> None:
        self.database = database

        def two(session: Session) -> tuple[int, int]:
            return a_reservation_row(session).id, a_reservation_row(session, "U0BOB").id

        self.one, self.two = database.write(two)

    def say(self, what: str, lane: str = "C1") -> None:
        self.database.write(
            lambda s: outbox.add(
                s,
                DeliveryKind.THREAD,
                lane=lane,
                reservation_id=self.one,
                payload={"says": what},
                now=NOW,
            )
        )

    def refresh(
        self, lane: str = "C1", wait: timedelta = timedelta(), reservation: int | None = None
    ) -> None:
        self.database.write(
            lambda s: outbox.add_card_refresh(
                s,
                lane=lane,
                reservation_id=reservation or self.one,
                now=NOW,
                not_before=NOW + wait,
            )
        )

    def claim(
        self, owner: str = "a", after: timedelta = timedelta(), limit: int = 16
    ) -> tuple[Delivery, ...]:
        return self.database.write(lambda s: outbox.claim_due(s, NOW + after, owner, LEASE, limit))

    def says(self, owner: str = "a", after: timedelta = timedelta()) -> list[str]:
        return [str(each.payload.get("says", each.kind)) for each in self.claim(owner, after)]

    def close(self, delivery: Delivery, owner: str = "a", state: str = outbox.SENT) -> bool:
        return self.database.write(
            lambda s: outbox.close(s, delivery.delivery_id, owner, state, NOW)
        )

    def put_back(self, delivery: Delivery, wait: timedelta, owner: str = "a") -> None:
        self.database.write(
            lambda s: outbox.put_back(s, delivery.delivery_id, owner, NOW + wait, "slow down")
        )

    def next_due(self, after: timedelta = timedelta()) -> timedelta | None:
        due = self.database.read(lambda s: outbox.next_due(s, NOW + after))
        return None if due is None else due - NOW

    def rows(self) -> list[OutboxRow]:
        return self.database.read(
            lambda s: list(s.scalars(select(OutboxRow).order_by(OutboxRow.id)))
        )


@pytest.fixture
def store(database: Database) -> Outbox:
    return Outbox(database)


def test_a_lane_keeps_its_order_and_has_one_message_out_at_a_time(store: Outbox) -> None:
    for what in ("first", "second", "third"):
        store.say(what)
    told = []
    while claimed := store.claim():
        (delivery,) = claimed
        assert store.claim("b") == (), "the second waits for the first, whoever asks"
        told.append(delivery.payload["says"])
        assert store.close(delivery)
    assert told == ["first", "second", "third"]


def test_lanes_do_not_wait_for_each_other(store: Outbox) -> None:
    for lane in ("C1", "C2", "dm:U1"):
        store.say(f"first of {lane}", lane)
        store.say(f"second of {lane}", lane)
    assert store.says() == ["first of C1", "first of C2", "first of dm:U1"]


def test_no_more_lanes_than_asked_for(store: Outbox) -> None:
    for lane in ("C1", "C2", "C3"):
        store.say(lane, lane)
    assert len(store.claim(limit=2)) == 2
    assert store.says("b") == ["C3"]


def test_a_retry_keeps_its_place_and_blocks_its_lane_only(store: Outbox) -> None:
    store.say("first")
    store.say("second")
    store.say("elsewhere", "C2")
    first, elsewhere = store.claim()
    store.put_back(first, 5 * SECOND)
    store.close(elsewhere)
    assert store.claim(after=4 * SECOND) == ()
    (again,) = store.claim(after=5 * SECOND)
    assert again.payload["says"] == "first"
    assert again.uncertain, "an earlier try may have gone out"
    assert "slow down" in {row.last_error for row in store.rows()}


def test_an_expired_lease_makes_the_next_try_uncertain_and_the_late_sender_harmless(
    store: Outbox,
) -> None:
    store.say("hello")
    (lost,) = store.claim("a")
    assert not lost.uncertain
    assert store.claim("b", after=LEASE - SECOND) == ()
    (taken,) = store.claim("b", after=LEASE)
    assert taken.uncertain
    assert not store.close(lost, "a")
    store.put_back(lost, 5 * SECOND, "a")
    assert store.rows()[0].lease_owner == "b"
    assert store.close(taken, "b")
    assert not store.close(taken, "b"), "sent is sent"


def test_refreshes_of_a_card_that_waits_become_one(store: Outbox) -> None:
    for wait in (10, 5, 7):
        store.refresh(wait=wait * SECOND)
    assert [row.not_before - NOW for row in store.rows()] == [5 * SECOND], "the earliest counts"
    store.refresh(reservation=store.two)
    store.refresh(lane="dm:U1")
    assert len(store.rows()) == 3, "other cards and other lanes are other refreshes"


def test_a_refresh_that_is_being_sent_does_not_serve_for_a_later_change(store: Outbox) -> None:
    store.refresh()
    (sending,) = store.claim()
    store.refresh()
    store.refresh()
    assert len(store.rows()) == 2
    store.close(sending)
    assert len(store.claim()) == 1


def test_a_refresh_that_failed_does_not_serve_for_a_later_change(store: Outbox) -> None:
    store.refresh()
    (sending,) = store.claim()
    store.put_back(sending, 5 * SECOND)
    store.refresh()
    assert len(store.rows()) == 2


def test_progress_that_is_held_back_lets_others_overtake(store: Outbox) -> None:
    store.refresh(wait=45 * SECOND)
    store.say("ended")
    assert store.next_due() == timedelta()
    (ended,) = store.claim()
    assert ended.payload["says"] == "ended"
    store.close(ended)
    assert store.claim(after=44 * SECOND) == ()
    assert store.next_due() == 45 * SECOND
    assert store.says(after=45 * SECOND) == [DeliveryKind.CARD]


def test_a_state_change_brings_waiting_progress_forward(store: Outbox) -> None:
    store.refresh(wait=45 * SECOND)
    store.say("running")
    store.refresh()
    assert store.says() == [DeliveryKind.CARD], "the card first, then what follows in its thread"


def test_what_waits_behind_another_does_not_count_as_due(store: Outbox) -> None:
    assert store.next_due() is None
    store.say("first")
    store.say("second")
    assert store.next_due() == timedelta()
    (first,) = store.claim()
    assert store.next_due() == LEASE
    store.put_back(first, 9 * SECOND)
    assert store.next_due() == 9 * SECOND
    assert store.next_due(after=SECOND) == 9 * SECOND
    (first,) = store.claim(after=9 * SECOND)
    store.close(first)
    assert store.next_due() == timedelta()


def test_a_dead_message_is_out_of_the_way(store: Outbox) -> None:
    store.say("first")
    store.say("second")
    store.close(store.claim()[0], state=outbox.DEAD)
    assert store.says() == ["second"]


def test_a_long_queue_in_one_lane_does_not_hide_the_others(store: Outbox) -> None:
    def many(session: Session) -> None:
        session.add_all(
            OutboxRow(
                lane="C1",
                kind=DeliveryKind.THREAD,
                reservation_id=store.one,
                payload={"says": str(number)},
                not_before=NOW,
                created_at=NOW,
            )
            for number in range(3000)
        )

    store.database.write(many)
    store.say("elsewhere", "C2")
    assert store.says() == ["0", "elsewhere"]
    assert store.says("b") == []


def test_a_refresh_in_an_open_transaction_is_not_sent_with_the_state_of_before(
    store: Outbox,
) -> None:
    """Taken while the change is not yet visible, the card would show the old state for ever."""
    if store.database.engine.dialect.name != "postgresql":
        pytest.skip("on SQLite writers take turns")
    store.refresh()

    def change(session: Session) -> None:
        outbox.add_card_refresh(
            session, lane="C1", reservation_id=store.one, now=NOW, not_before=NOW
        )
        session.flush()
        assert store.claim("b") == ()

    store.database.write(change)
    assert len(store.claim("b")) == 1
