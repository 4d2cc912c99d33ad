"""Tables of what was foretold of runs, of how fast they were, and of minutes asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, MemberRow, ReservationRow


class RunForecastRow(Base):
    """What was foretold of a run's end, at a mark: ``p10`` … ``p75`` of its epochs, ``h3`` hours.

    ``attempt_id`` is the attempt whose epochs it goes by: only where that one finishes the run can
    the end be compared.  ``error`` is how far off it was, as a share of what was left, signed:
    positive ended later than foretold.  None until the run has succeeded.
    """

    __tablename__ = "run_forecasts"
    __table_args__ = (
        UniqueConstraint("run_id", "mark"),
        Index("ix_run_forecasts_mark_ended_at", "mark", "ended_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    attempt_id: Mapped[int]
    mark: Mapped[str] = mapped_column(String(16))
    made_at: Mapped[datetime]
    epoch: Mapped[int] = mapped_column(Integer)
    epochs: Mapped[int] = mapped_column(Integer)
    low_at: Mapped[datetime]
    likely_at: Mapped[datetime]
    high_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[float | None]
    within: Mapped[bool | None] = mapped_column(Boolean)


class AttemptPaceRow(Base):
    """How fast one attempt is: written as its epochs come in, so that nobody has to add them up.

    ``recent_s`` are its last epochs, the first of the attempt left out; ``epoch_s`` their median.
    ``startup_s`` is what came before the epochs, and what the first one took longer.
    """

    __tablename__ = "attempt_paces"
    __table_args__ = (Index("ix_attempt_paces_task_data", "task", "data", "attempt_id"),)
    attempt_id: Mapped[int] = mapped_column(
        ForeignKey("attempts.id"), primary_key=True, autoincrement=False
    )
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), index=True)
    task: Mapped[str] = mapped_column(String(16))
    model: Mapped[str]
    data: Mapped[str]
    imgsz: Mapped[int] = mapped_column(Integer)
    batch: Mapped[int] = mapped_column(Integer)
    gpu_type: Mapped[str]
    gpu_count: Mapped[int] = mapped_column(Integer)
    first_epoch: Mapped[int] = mapped_column(Integer)
    last_epoch: Mapped[int] = mapped_column(Integer)
    last_epoch_at: Mapped[datetime]
    first_epoch_s: Mapped[float]
    first_epoch_at: Mapped[datetime]
    counted: Mapped[int] = mapped_column(Integer)
    recent_s: Mapped[list[Any]] = mapped_column(JSON)
    epoch_s: Mapped[float]
    startup_s: Mapped[float | None]
    updated_at: Mapped[datetime]


class ForecastWatchRow(Base):
    """What the holder of a reservation has been told of the end of its run.

    ``told_late_s`` is by how many seconds, None while nothing is wrong; ``told_end`` the end of the
    reservation that was meant.  While ``finish_early_since`` is set the run stops after the last
    epoch that fits.
    """

    __tablename__ = "forecast_watches"
    reservation_id: Mapped[int] = mapped_column(
        ForeignKey("reservations.id"), primary_key=True, autoincrement=False
    )
    told_late_s: Mapped[float | None]
    told_end: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    told_early_at: Mapped[datetime | None]
    finish_early_since: Mapped[datetime | None]
    finish_early_by: Mapped[str] = mapped_column(default="")
    stopped_after_epoch: Mapped[int | None] = mapped_column(Integer)


class MinutesAskRow(Base):
    """A holder who asks the next one for minutes; the versions are those that were shown."""

    __tablename__ = "minutes_asks"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    next_reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    asked_by_member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    minutes: Mapped[int] = mapped_column(Integer)
    shown_end: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reservation: Mapped[ReservationRow] = relationship(foreign_keys=[reservation_id])
    next_reservation: Mapped[ReservationRow] = relationship(foreign_keys=[next_reservation_id])
    asked_by: Mapped[MemberRow] = relationship()
