"""The audit log is sealed by the clockwork, and anybody can check that nothing was changed since.

Events are sealed in stretches, every minute, up to the last one that can have no late neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.audit_chain import (
    GENESIS,
    AuditRecord,
    Breach,
    Break,
    ChainCheck,
    Link,
    Seal,
    linked,
)
from bot.services.due import TimerKind
from bot.services.transaction import Tx, reads_only
from bot.store import audit_log, timers

SEAL_EVERY = timedelta(minutes=1)
SOONER = timedelta(seconds=5)
"""How soon it is tried again while writers are under way, or more is left than fits one seal."""
MOST_IN_A_SEAL = 2000
PATIENCE_S = 1.0


def arm(tx: Tx) -> None:
    """Let the clockwork seal from now on, if it does not already. Idempotent."""
    if not timers.is_armed(tx.session, TimerKind.AUDIT_SEALS, 0):
        timers.arm(tx.session, TimerKind.AUDIT_SEALS, 0, tx.now + SEAL_EVERY)


def seal_due(tx: Tx, _subject_id: int) -> None:
    """Seal what can be sealed, and do so again in a minute."""
    whole = seal(tx)
    wait = SEAL_EVERY if whole else SOONER
    timers.arm(tx.session, TimerKind.AUDIT_SEALS, 0, tx.now + wait)


def seal(tx: Tx, patience_s: float = PATIENCE_S) -> bool:
    """Seal the events that no event can come before any more; tell whether that was all of them.

    Nothing new makes no new seal.  ``patience_s`` is how long writers are waited for.
    """
    audit_log.one_sealer(tx.session)
    settled = audit_log.settled_event_id(tx.session, patience_s)
    if settled is None:
        return False
    previous = audit_log.last_seal(tx.session)
    after_id, head = (previous.last_event_id, previous.sha256) if previous else (0, GENESIS)
    records: list[AuditRecord] = []
    for record in audit_log.events_between(tx.session, after_id, settled):
        if len(records) == MOST_IN_A_SEAL:
            break
        records.append(record)
    else:
        settled = None
    if records:
        audit_log.add_stretch(tx.session, linked(records, head, after_id), previous, tx.now)
    return settled is None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check.

    ``checked`` events are as they were sealed; ``unsealed`` ones are newer than the last seal.
    ``head`` is what to note down elsewhere: it vouches for all that was checked.  ``broken`` is
    the first thing that does not fit, or None.
    """

    checked: int
    unsealed: int
    seals: int
    head: str
    sealed_at: datetime | None
    broken: Break | None


@reads_only
def verify(tx: Tx, since: datetime | None = None, noted_head: str | None = None) -> Verdict:
    """Check the audit log against its seals.

    ``since`` begins with the first seal after that instant; everything is checked without it.
    ``noted_head`` is a head that was noted earlier: the log must still have it, which also finds a
    tail that was removed together with its seals.
    """
    start = audit_log.seal_before(tx.session, since) if since is not None else None
    check = ChainCheck() if start is None else ChainCheck(start.sha256, start.last_event_id)
    seals, last = 0, start
    for one in audit_log.seals_after(tx.session, start.seal_id if start else 0):
        after_id = last.last_event_id if last is not None else 0
        for event_id, record, link in _merged(tx, after_id, one.last_event_id):
            check.event(event_id, record, link)
        check.seal(one)
        seals, last = seals + 1, one
        if check.broken is not None:
            break
    end = last.last_event_id if last is not None else 0
    if check.broken is None:
        beyond = audit_log.first_link_after(tx.session, end)
        check.end([] if beyond is None else [beyond])
    broken = check.broken
    if broken is None and noted_head and not audit_log.has_head(tx.session, noted_head):
        broken = Break(Breach.HEAD, 0)
    newest: Seal | None = audit_log.last_seal(tx.session)
    return Verdict(
        checked=check.checked,
        unsealed=audit_log.unsealed_count(tx.session, end),
        seals=seals,
        head=check.head,
        sealed_at=newest.sealed_at if newest else None,
        broken=broken,
    )


def _merged(
    tx: Tx, after_id: int, up_to_id: int
) -> Iterator[tuple[int, AuditRecord | None, Link | None]]:
    """Yield events with their links by id, also those of which only one of both is there."""
    events = audit_log.events_between(tx.session, after_id, up_to_id)
    links = audit_log.links_between(tx.session, after_id, up_to_id)
    event, link = next(events, None), next(links, None)
    while event is not None or link is not None:
        if link is None or (event is not None and event.event_id < link.event_id):
            assert event is not None  # noqa: S101 - one of both is there
            yield event.event_id, event, None
            event = next(events, None)
        elif event is None or link.event_id < event.event_id:
            yield link.event_id, None, link
            link = next(links, None)
        else:
            yield event.event_id, event, link
            event, link = next(events, None), next(links, None)
