"""Tables of what a higher priority takes back, and of who gives it up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, MemberRow, ReservationRow
from bot.store.types import PlainText


class TeamDefaultsRow(Base):
    """The usual priority of a team, and whether it is preemptible; no row: P2, preemptible."""

    __tablename__ = "team_defaults"
    team_id: Mapped[int] = mapped_column(
        ForeignKey("teams.id"), primary_key=True, autoincrement=False
    )
    priority: Mapped[str] = mapped_column(String(4))
    preemptible: Mapped[bool]


class StandingNoticeRow(Base):
    """Where a direct message stands that is edited when there is more to say.

    ``lane`` is that of the outbox, ``name`` what notices call the message by.
    """

    __tablename__ = "standing_notices"
    __table_args__ = (UniqueConstraint("lane", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str]
    name: Mapped[str] = mapped_column(String(100))
    channel_id: Mapped[str]
    ts: Mapped[str] = mapped_column(String(32))


class PreemptionRow(Base):
    """A reservation that needs GPUs of others, and what was shown of whom it takes them from.

    ``state`` is a `PreemptionState`; ``plan`` is what was shown last, ``digest`` its name.  Once it
    is agreed to, the GPUs are taken at ``takes_at``.
    """

    __tablename__ = "preemptions"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), unique=True)
    asked_by_member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    request: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    takes_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    reservation: Mapped[ReservationRow] = relationship()
    asked_by: Mapped[MemberRow] = relationship(foreign_keys=[asked_by_member_id])
    decided_by: Mapped[MemberRow | None] = relationship(foreign_keys=[decided_by_member_id])


class PreemptionVictimRow(Base):
    """A reservation that gives up GPUs, with all that is needed to give them back exactly.

    ``state`` is a `VictimState`.  ``before`` are its window and its claims as they were, ``after``
    its window since.  ``to_reservation_id`` is where the rest is booked again, if that is another
    reservation; ``kept_reservation_id`` keeps what it gave up and nobody needs yet, until the
    GPUs are taken.
    """

    __tablename__ = "preemption_victims"
    __table_args__ = (UniqueConstraint("preemption_id", "reservation_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    preemption_id: Mapped[int] = mapped_column(ForeignKey("preemptions.id"))
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    to_reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservations.id"))
    kept_reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservations.id"))
    finish_epoch: Mapped[int | None]
    objection: Mapped[str] = mapped_column(PlainText, default="")
    preemption: Mapped[PreemptionRow] = relationship()
    reservation: Mapped[ReservationRow] = relationship(foreign_keys=[reservation_id])
    target: Mapped[ReservationRow | None] = relationship(foreign_keys=[to_reservation_id])
    kept: Mapped[ReservationRow | None] = relationship(foreign_keys=[kept_reservation_id])
