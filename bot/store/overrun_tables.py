"""Tables of runs that went over the end of their booking, and of who waited for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, ReservationRow


class OverrunRow(Base):
    """A reservation that goes on over ``booked_until``, the end that was booked.

    ``until`` is the end that it has got, in so many ``steps``; ``ended_at`` is None while its run
    goes on.
    """

    __tablename__ = "overruns"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    booked_until: Mapped[datetime]
    until: Mapped[datetime]
    steps: Mapped[int] = mapped_column(Integer)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class OverrunDelayRow(Base):
    """A reservation that starts later for an overrun: once in its life, the database sees to it.

    ``starts_at`` and ``ends_at`` are its window as it was before, ``moved_to`` is its new start.
    ``settled_at`` is when the overrun was over, and what it did not need was given back.
    """

    __tablename__ = "overrun_delays"
    id: Mapped[int] = mapped_column(primary_key=True)
    overrun_id: Mapped[int] = mapped_column(ForeignKey("overruns.id"), index=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), unique=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    moved_to: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    overrun: Mapped[OverrunRow] = relationship()
    reservation: Mapped[ReservationRow] = relationship()
