"""Events for the chain over the audit log, and what somebody with the database might do to them."""

from __future__ import annotations

from sqlalchemy import update

from bot.services import audit, audit_chain
from bot.services.audit_chain import Verdict
from bot.services.transaction import Tx, UseCases
from bot.store.tables import AuditEventRow


def record_events(berth: UseCases, count: int) -> None:
    """Add events, as use cases do."""

    def add(tx: Tx) -> None:
        for number in range(count):
            audit.record(
                tx,
                audit.OPERATOR,
                "test.done",
                ("reservation", number),
                reason="für alle ☃",
                at=tx.now,
                hours=number / 3,
            )

    berth.write(add)


def sealed(berth: UseCases, *counts: int) -> None:
    """Add that many events for each seal, and seal them."""
    for count in counts:
        record_events(berth, count)
        assert berth.write(audit_chain.seal)


def alter(berth: UseCases, event_id: int, **values: object) -> None:
    """Change a row behind Berth's back."""
    change = update(AuditEventRow).where(AuditEventRow.id == event_id).values(**values)
    berth.write(lambda tx: tx.session.execute(change))


def verdict(berth: UseCases, head: str | None = None) -> Verdict:
    """Return what a check of everything says."""
    return berth.read(audit_chain.verify, None, head)
