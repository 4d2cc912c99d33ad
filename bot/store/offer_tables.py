"""Tables of what is asked of people and waits for their answer, and of what recurs.

Apart from `bot.store.tables`, which holds what all of Berth stands on.  Every offer has a state of
its own (`bot.domain.offers.OfferState`) and an instant at which it expires; it is decided at most
once, by compare-and-set on that state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, MemberRow, ReservationRow, TeamRow
from bot.store.types import PlainText


class ApprovalRow(Base):
    """A reservation that waits for a lead or an admin; its window is held meanwhile.

    ``rules`` are the sentences of why, as stable codes with numbers.
    """

    __tablename__ = "approvals"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    rules: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    reason: Mapped[str] = mapped_column(PlainText, default="")
    reservation: Mapped[ReservationRow] = relationship()
    decided_by: Mapped[MemberRow | None] = relationship()


class TransferRow(Base):
    """A reservation that its holder wants to hand to another member."""

    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    from_member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    to_member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(PlainText, default="")
    reservation: Mapped[ReservationRow] = relationship()
    from_member: Mapped[MemberRow] = relationship(foreign_keys=[from_member_id])
    to_member: Mapped[MemberRow] = relationship(foreign_keys=[to_member_id])


class SwapRow(Base):
    """Two holders who exchange their reservations: the proposer gives the first for the second."""

    __tablename__ = "swaps"
    id: Mapped[int] = mapped_column(primary_key=True)
    first_reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    second_reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    proposed_by_member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(PlainText)
    first: Mapped[ReservationRow] = relationship(foreign_keys=[first_reservation_id])
    second: Mapped[ReservationRow] = relationship(foreign_keys=[second_reservation_id])
    proposed_by: Mapped[MemberRow] = relationship()


class WaitRow(Base):
    """A wish that waits: for a full window (``waitlist``), or for idle GPUs now (``queue``).

    ``request`` is the wish as it was asked.  While it is offered, ``held_reservation_id`` names
    the reservation that holds the window for the one who is asked.
    """

    __tablename__ = "waits"
    __table_args__ = (Index("ix_waits_kind_state", "kind", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    request: Mapped[dict[str, Any]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    offered_until: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    held_reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservations.id"))
    member: Mapped[MemberRow] = relationship()
    team: Mapped[TeamRow] = relationship()
    held_reservation: Mapped[ReservationRow | None] = relationship()


class SeriesRow(Base):
    """A reservation that recurs: wall time in an IANA zone, on days of the week.

    ``weekdays`` holds ``mon`` to ``sun``; ``starts_on`` and ``ends_on`` are local dates, as ISO
    text.  ``request_key`` names the asking: the same one makes only one series.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("member_id", "request_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    request: Mapped[dict[str, Any]]
    weekdays: Mapped[list[str]]
    wall_time: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str]
    starts_on: Mapped[str] = mapped_column(String(10))
    ends_on: Mapped[str | None] = mapped_column(String(10))
    request_key: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    member: Mapped[MemberRow] = relationship()
    team: Mapped[TeamRow] = relationship()


class SeriesExceptionRow(Base):
    """A day on which a series has no reservation, and why (cancelled, or its window was taken)."""

    __tablename__ = "series_exceptions"
    __table_args__ = (UniqueConstraint("series_id", "on_date"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    on_date: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(PlainText)
    created_at: Mapped[datetime]


class UsageCheckRow(Base):
    """A holder who was asked whether idle GPUs are still needed.

    ``kind`` is ``no_show`` or ``idle``; silence until ``expires_at`` releases the reservation.
    """

    __tablename__ = "usage_checks"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reservation: Mapped[ReservationRow] = relationship()
