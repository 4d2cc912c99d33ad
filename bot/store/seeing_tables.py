"""Tables of what makes use visible: the seals of the audit log, feeds of calendars, hours used."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, MemberRow


class AuditSealRow(Base):
    """The head of the chain after a stretch of audit events.

    The stretch begins behind the ``last_event_id`` of the seal before, whose head is
    ``previous_sha256``, and holds ``event_count`` events.
    """

    __tablename__ = "audit_seals"
    id: Mapped[int] = mapped_column(primary_key=True)
    first_event_id: Mapped[int]
    last_event_id: Mapped[int] = mapped_column(unique=True)
    event_count: Mapped[int] = mapped_column(Integer)
    previous_sha256: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(index=True)


class AuditLinkRow(Base):
    """The chain's head after one event, and the event before it: they name what was tampered with.

    There is no foreign key: a link must outlive its event for anybody to see that it is gone.
    """

    __tablename__ = "audit_links"
    event_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous_event_id: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))


class CalendarLinkRow(Base):
    """A secret address of a calendar; only the secret's digest is kept.

    ``kind`` is a `FeedKind` and ``subject_id`` the member, the team or the GPU that it shows.
    """

    __tablename__ = "calendar_links"
    __table_args__ = (Index("ix_calendar_links_member_id", "member_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    member: Mapped[MemberRow] = relationship()


class GpuHourRow(Base):
    """What was seen of one GPU in one hour of UTC, in seconds.

    ``read_s`` is how long it was measured at all, ``process_s`` how long a process was on it, and
    ``busy_s`` how long it was in use.
    """

    __tablename__ = "gpu_hours_used"
    __table_args__ = (Index("ix_gpu_hours_used_hour", "hour"),)
    gpu_id: Mapped[int] = mapped_column(
        ForeignKey("gpus.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    read_s: Mapped[float]
    process_s: Mapped[float]
    busy_s: Mapped[float]


class RefusedPlaceRow(Base):
    """Admins were told at ``told_at`` that Slack takes no messages for a lane, and why."""

    __tablename__ = "refused_places"
    lane: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(64), primary_key=True)
    told_at: Mapped[datetime]
