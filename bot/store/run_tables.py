"""Tables of what carries a run from one reservation into another."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, ReservationRow, RunRow


class ContinuationRow(Base):
    """A run goes on in another reservation once it has stopped in this one.

    ``reason`` is a `ContinuationReason`, ``state`` a `ContinuationState`.  A run has at most one
    continuation that is still planned, and the reservation that it leads to has one source only.
    """

    __tablename__ = "continuations"
    __table_args__ = (
        Index(
            "ix_continuations_planned",
            "run_id",
            unique=True,
            postgresql_where=text("state = 'planned'"),
            sqlite_where=text("state = 'planned'"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    from_reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    to_reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), unique=True)
    reason: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    run: Mapped[RunRow] = relationship()
    source: Mapped[ReservationRow] = relationship(foreign_keys=[from_reservation_id])
    target: Mapped[ReservationRow] = relationship(foreign_keys=[to_reservation_id])
