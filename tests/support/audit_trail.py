"""What the audit log gained while something was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import func, select

from bot.services.transaction import UseCases
from bot.store.tables import AuditEventRow


@dataclass
class Trail:
    """The events of a stretch, oldest first; filled when the stretch is over."""

    events: list[AuditEventRow] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """Only what was done."""
        return [event.action for event in self.events]

    def only(self) -> AuditEventRow:
        """The one event that there must be."""
        assert len(self.events) == 1, self.actions
        return self.events[0]


@contextmanager
def audited(berth: UseCases) -> Iterator[Trail]:
    """Collect what is recorded while the block runs."""
    last = berth.database.read(lambda s: s.scalar(select(func.max(AuditEventRow.id)))) or 0
    trail = Trail()
    yield trail
    newer = select(AuditEventRow).where(AuditEventRow.id > last).order_by(AuditEventRow.id)
    trail.events.extend(berth.database.read(lambda s: s.scalars(newer).all()))
