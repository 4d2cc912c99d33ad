"""The audit log is sealed, and every way of tampering with what is sealed is found and named."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from bot.domain.audit_chain import Breach, Break
from bot.services import audit, audit_chain, standing_work
from bot.services.transaction import Tx, UseCases
from bot.store.database import Database
from bot.store.seeing_tables import AuditLinkRow, AuditSealRow
from bot.store.tables import AuditEventRow
from tests.support.audit_rows import alter, record_events, sealed, verdict
from tests.support.clock import SetClock
from tests.support.firing import fire_all


def remove(berth: UseCases, *event_ids: int) -> None:
    berth.write(
        lambda tx: tx.session.execute(delete(AuditEventRow).where(AuditEventRow.id.in_(event_ids)))
    )


def test_an_untouched_log_is_whole_and_says_what_is_not_sealed_yet(berth: UseCases) -> None:
    assert verdict(berth).checked == 0
    sealed(berth, 3, 4)
    record_events(berth, 2)
    found = verdict(berth)
    assert (found.broken, found.checked, found.unsealed, found.seals) == (None, 7, 2, 2)
    assert berth.write(audit_chain.seal)
    assert verdict(berth).checked == 9


def test_sealing_again_without_anything_new_makes_no_seal(berth: UseCases) -> None:
    sealed(berth, 2)
    assert berth.write(audit_chain.seal)
    assert verdict(berth).seals == 1


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "nothing to see"},
        {"actor": "somebody else"},
        {"action": "test.undone"},
        {"subject_id": 99},
        {"data": {}},
    ],
)
def test_an_altered_event_is_named(berth: UseCases, change: dict[str, object]) -> None:
    sealed(berth, 3, 3)
    alter(berth, 5, **change)
    assert verdict(berth).broken == Break(Breach.ALTERED, 5)


def test_an_altered_time_is_named(berth: UseCases, clock: SetClock) -> None:
    sealed(berth, 3)
    alter(berth, 2, at=clock.now() - timedelta(microseconds=1))
    assert verdict(berth).broken == Break(Breach.ALTERED, 2)


def test_a_removed_event_is_named_in_the_middle_and_at_the_end(berth: UseCases) -> None:
    sealed(berth, 3, 3)
    remove(berth, 2)
    assert verdict(berth).broken == Break(Breach.REMOVED, 2)


def test_a_removed_tail_is_found_also_when_its_links_went_with_it(berth: UseCases) -> None:
    sealed(berth, 3, 3)
    remove(berth, 5, 6)
    assert verdict(berth).broken == Break(Breach.REMOVED, 5)
    berth.write(
        lambda tx: tx.session.execute(delete(AuditLinkRow).where(AuditLinkRow.event_id > 4))
    )
    assert verdict(berth).broken == Break(Breach.REMOVED, 6)


def test_an_event_that_is_removed_with_its_link_is_named(berth: UseCases) -> None:
    sealed(berth, 5)
    remove(berth, 3)
    berth.write(
        lambda tx: tx.session.execute(delete(AuditLinkRow).where(AuditLinkRow.event_id == 3))
    )
    assert verdict(berth).broken == Break(Breach.REMOVED, 3)


def test_an_inserted_event_is_named(berth: UseCases) -> None:
    sealed(berth, 2)
    record_events(berth, 2)
    remove(berth, 3)  # a gap, as a transaction that was rolled back leaves one
    assert berth.write(audit_chain.seal)
    assert verdict(berth).broken is None

    def insert(tx: Tx) -> None:
        tx.session.add(
            AuditEventRow(
                id=3,
                at=tx.now,
                actor_type="member",
                actor="U0BOB",
                action="test.done",
                subject_type="reservation",
                subject_id=1,
            )
        )

    berth.write(insert)
    assert verdict(berth).broken == Break(Breach.INSERTED, 3)


def test_events_that_change_places_are_found(berth: UseCases) -> None:
    sealed(berth, 4)

    def swap(tx: Tx) -> None:
        second, third = (tx.session.get_one(AuditEventRow, number) for number in (2, 3))
        second.data, third.data = third.data, second.data
        second.subject_id, third.subject_id = third.subject_id, second.subject_id

    berth.write(swap)
    assert verdict(berth).broken == Break(Breach.ALTERED, 2)


def test_a_seal_that_is_altered_or_removed_is_found(berth: UseCases) -> None:
    sealed(berth, 2, 2, 2)
    berth.write(
        lambda tx: tx.session.execute(
            update(AuditSealRow).where(AuditSealRow.id == 2).values(event_count=3)
        )
    )
    assert verdict(berth).broken == Break(Breach.SEAL, 4)
    berth.write(lambda tx: tx.session.execute(delete(AuditSealRow).where(AuditSealRow.id == 2)))
    broken = verdict(berth).broken
    assert broken is not None
    assert broken.breach is Breach.SEAL
    berth.write(lambda tx: tx.session.execute(delete(AuditSealRow).where(AuditSealRow.id > 1)))
    assert verdict(berth).broken == Break(Breach.SEAL, 3)


def test_a_head_noted_elsewhere_finds_a_tail_removed_with_its_seals(berth: UseCases) -> None:
    sealed(berth, 2, 2)
    noted = verdict(berth).head
    sealed(berth, 1)
    assert verdict(berth, noted).broken is None

    def cut(tx: Tx) -> None:
        tx.session.execute(delete(AuditEventRow).where(AuditEventRow.id > 2))
        tx.session.execute(delete(AuditLinkRow).where(AuditLinkRow.event_id > 2))
        tx.session.execute(delete(AuditSealRow).where(AuditSealRow.last_event_id > 2))

    berth.write(cut)
    assert verdict(berth).broken is None
    assert verdict(berth, noted).broken == Break(Breach.HEAD, 0)


def test_a_check_since_an_instant_begins_at_the_seal_before_it(
    berth: UseCases, clock: SetClock
) -> None:
    sealed(berth, 3)
    clock.advance(hours=1)
    since = clock.now()
    sealed(berth, 2)
    alter(berth, 1, reason="altered")
    assert berth.read(audit_chain.verify, since).broken is None
    assert berth.read(audit_chain.verify, since).checked == 2
    alter(berth, 5, reason="altered")
    assert berth.read(audit_chain.verify, since).broken == Break(Breach.ALTERED, 5)


def test_the_clockwork_seals_by_itself_again_and_again(berth: UseCases, clock: SetClock) -> None:
    berth.write(standing_work.arm)
    berth.write(standing_work.arm)
    for _ in range(3):
        record_events(berth, 1)
        clock.advance(minutes=1)
        fire_all(berth)
    found = verdict(berth)
    assert (found.checked, found.seals, found.broken) == (3, 3, None)


def test_more_than_fits_one_seal_is_sealed_in_several(
    berth: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_chain, "MOST_IN_A_SEAL", 5)
    record_events(berth, 12)
    assert [berth.write(audit_chain.seal) for _ in range(3)] == [False, False, True]
    assert (verdict(berth).checked, verdict(berth).seals) == (12, 3)


def test_an_event_that_is_committed_late_is_waited_for(berth: UseCases) -> None:
    """On PostgreSQL the lower id can become visible after the higher one; SQLite has one writer."""
    if berth.database.engine.dialect.name != "postgresql":
        return
    has_id, may_commit = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        audit.record(tx, audit.OPERATOR, "test.slow", ("reservation", 1))
        tx.session.flush()
        has_id.set()
        assert may_commit.wait(20)

    writer = threading.Thread(target=berth.write, args=(slow,))
    writer.start()
    assert has_id.wait(20)
    record_events(berth, 1)
    assert not berth.write(audit_chain.seal, 0.1), "an event with a lower id is still to come"
    assert verdict(berth).seals == 0
    may_commit.set()
    writer.join(20)
    assert berth.write(audit_chain.seal)
    assert (verdict(berth).checked, verdict(berth).broken) == (2, None)


def test_sealing_beside_many_writers_breaks_nothing(database: Database, berth: UseCases) -> None:
    def write() -> None:
        for _ in range(10):
            record_events(berth, 2)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        berth.write(audit_chain.seal, 0.05)
    for writer in writers:
        writer.join()
    assert berth.write(audit_chain.seal)
    found = verdict(berth)
    assert (found.checked, found.unsealed, found.broken) == (80, 0, None)
    count = database.read(lambda s: len(s.scalars(select(AuditLinkRow.event_id)).all()))
    assert count == 80
