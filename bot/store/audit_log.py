"""The audit log as it is sealed and checked: its events, links and seals, page by page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bot.domain.audit_chain import GENESIS, AuditRecord, Link, Seal
from bot.store.seeing_tables import AuditLinkRow, AuditSealRow
from bot.store.tables import AuditEventRow

PAGE = 1000
WRITERS_LOOKED_AT_EVERY_S = 0.02
_TURN = 0x7365616C73  # "seals"


def record_of(row: AuditEventRow) -> AuditRecord:
    """Return an event as it is hashed."""
    return AuditRecord(
        row.id,
        row.at,
        row.actor_type,
        row.actor,
        row.action,
        row.subject_type,
        row.subject_id,
        row.reason,
        row.data,
    )


def one_sealer(session: Session) -> None:
    """Let those who want to seal do so one after another; on SQLite writers do so anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def settled_event_id(session: Session, patience_s: float) -> int | None:
    """Return an id up to which no event can appear any more, or None where that is not known yet.

    On PostgreSQL a writer takes its event's id before it commits, so that a lower id may become
    visible after a higher one.  Whoever has taken an id holds a lock on the table from before that
    until its end: once all are gone that held one when the highest id was read, nothing at or
    below it is still to come.  Nobody waits for this but the caller, at most ``patience_s``
    seconds.  On SQLite there is one writer at a time, and it is the caller.

    Every statement must see what has been committed before it: the caller's transaction is at
    READ COMMITTED.
    https://www.postgresql.org/docs/current/view-pg-locks.html
    """
    highest = session.scalar(select(func.max(AuditEventRow.id))) or 0
    if session.get_bind().dialect.name != "postgresql":
        return highest
    waited_for = _writers(session)
    deadline_s = time.monotonic() + patience_s
    while waited_for:
        if time.monotonic() > deadline_s:
            return None
        time.sleep(WRITERS_LOOKED_AT_EVERY_S)
        waited_for &= _writers(session)
    return highest


def _writers(session: Session) -> set[str]:
    """Return the transactions that may have taken ids of events, but for this one."""
    return set(
        session.scalars(
            text(
                "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
                " AND relation = 'audit_events'::regclass AND mode = 'RowExclusiveLock'"
                " AND pid <> pg_backend_pid()"
            )
        )
    )


def last_seal(session: Session) -> Seal | None:
    """Return the newest seal, or None."""
    row = session.scalar(select(AuditSealRow).order_by(AuditSealRow.id.desc()).limit(1))
    return None if row is None else seal_of(row)


def seal_before(session: Session, instant: datetime) -> Seal | None:
    """Return the newest seal that was made before an instant, or None."""
    row = session.scalar(
        select(AuditSealRow)
        .where(AuditSealRow.sealed_at < instant)
        .order_by(AuditSealRow.id.desc())
        .limit(1)
    )
    return None if row is None else seal_of(row)


def seals_after(session: Session, seal_id: int) -> Iterator[Seal]:
    """Yield the seals behind one, in order; 0 is before the first."""
    while True:
        query = select(AuditSealRow).where(AuditSealRow.id > seal_id).order_by(AuditSealRow.id)
        rows = session.scalars(query.limit(PAGE)).all()
        for row in rows:
            yield seal_of(row)
        if len(rows) < PAGE:
            return
        seal_id = rows[-1].id


def has_head(session: Session, sha256: str) -> bool:
    """Tell whether some seal has that head."""
    query = select(AuditSealRow.id).where(AuditSealRow.sha256 == sha256)
    return session.scalar(query) is not None


def seal_of(row: AuditSealRow) -> Seal:
    """Return a seal's row as a value."""
    return Seal(
        row.id,
        row.first_event_id,
        row.last_event_id,
        row.event_count,
        row.previous_sha256,
        row.sha256,
        row.sealed_at,
    )


def events_between(session: Session, after_id: int, up_to_id: int) -> Iterator[AuditRecord]:
    """Yield the events in a stretch of ids, in order, from pages of bounded size."""
    while after_id < up_to_id:
        rows = session.scalars(
            select(AuditEventRow)
            .where(AuditEventRow.id > after_id, AuditEventRow.id <= up_to_id)
            .order_by(AuditEventRow.id)
            .limit(PAGE)
        ).all()
        for row in rows:
            yield record_of(row)
            session.expunge(row)
        if len(rows) < PAGE:
            return
        after_id = rows[-1].id


def links_between(session: Session, after_id: int, up_to_id: int) -> Iterator[Link]:
    """Yield the links in a stretch of ids, in order, from pages of bounded size."""
    while after_id < up_to_id:
        rows = session.execute(
            select(AuditLinkRow.event_id, AuditLinkRow.previous_event_id, AuditLinkRow.sha256)
            .where(AuditLinkRow.event_id > after_id, AuditLinkRow.event_id <= up_to_id)
            .order_by(AuditLinkRow.event_id)
            .limit(PAGE)
        ).all()
        for event_id, previous, sha256 in rows:
            yield Link(event_id, previous, sha256)
        if len(rows) < PAGE:
            return
        after_id = rows[-1][0]


def first_link_after(session: Session, event_id: int) -> int | None:
    """Return the first event behind one that has a link, or None."""
    return session.scalar(
        select(func.min(AuditLinkRow.event_id)).where(AuditLinkRow.event_id > event_id)
    )


def unsealed_count(session: Session, after_id: int) -> int:
    """Return how many events there are behind one."""
    query = select(func.count()).select_from(AuditEventRow).where(AuditEventRow.id > after_id)
    return session.scalar(query) or 0


def add_stretch(session: Session, links: list[Link], previous: Seal | None, now: datetime) -> None:
    """Keep the links of a stretch, and seal it."""
    session.add_all(
        AuditLinkRow(
            event_id=link.event_id, previous_event_id=link.previous_event_id, sha256=link.sha256
        )
        for link in links
    )
    session.add(
        AuditSealRow(
            first_event_id=links[0].event_id,
            last_event_id=links[-1].event_id,
            event_count=len(links),
            previous_sha256=previous.sha256 if previous else GENESIS,
            sha256=links[-1].sha256,
            sealed_at=now,
        )
    )
    session.flush()
