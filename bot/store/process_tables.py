"""Tables of trainings that a team keeps, and of processes on GPUs that nobody booked.

Apart from `bot.store.tables`, which holds what all of Berth stands on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, HostRow, MemberRow, TeamRow
from bot.store.types import PlainString, PlainText


class TemplateRow(Base):
    """A training that a team has given a name; ``gpu_count`` is what its booking had."""

    __tablename__ = "templates"
    __table_args__ = (UniqueConstraint("team_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    name: Mapped[str] = mapped_column(PlainString(64))
    spec: Mapped[dict[str, Any]]
    gpu_count: Mapped[int] = mapped_column(Integer)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    team: Mapped[TeamRow] = relationship()
    member: Mapped[MemberRow] = relationship()


class UnixUserRow(Base):
    """Whose processes those of a Unix user are. Never guessed: an admin has said so."""

    __tablename__ = "unix_users"
    name: Mapped[str] = mapped_column(PlainString(64), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    created_at: Mapped[datetime]
    member: Mapped[MemberRow] = relationship()


class GpuProcessRow(Base):
    """A process on a GPU that its booking does not explain; ``state`` is a `ProcessState`.

    Known by host, pid and start.  ``reservation_ids`` are the bookings that it was on when it was
    looked at last.  ``version`` grows with every change of what is told of it.
    """

    __tablename__ = "gpu_processes"
    __table_args__ = (Index("ix_gpu_processes_host_id_state", "host_id", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"))
    pid: Mapped[int]
    started_at: Mapped[datetime | None]
    user: Mapped[str] = mapped_column(PlainString(64))
    command: Mapped[str]
    gpu_uuids: Mapped[list[str]]
    memory_mib: Mapped[float | None]
    reservation_ids: Mapped[list[int]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    adopted_by_member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    denied_by: Mapped[list[str]]
    stop_asked_at: Mapped[datetime | None]
    stop_asked_by: Mapped[str]
    stop_outcome: Mapped[str] = mapped_column(String(32))
    host: Mapped[HostRow] = relationship()
    adopted_by: Mapped[MemberRow | None] = relationship()


class ProcessCardRow(Base):
    """Where a process is told of: one message for each lane, edited in place.

    ``lane`` is a channel, or a person for a direct message.  While ``due_at`` is set it does not
    show what is true; whoever brings it up to date holds it by lease.
    """

    __tablename__ = "process_cards"
    __table_args__ = (UniqueConstraint("process_id", "lane"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    process_id: Mapped[int] = mapped_column(ForeignKey("gpu_processes.id"))
    lane: Mapped[str]
    channel_id: Mapped[str]
    ts: Mapped[str] = mapped_column(String(32))
    shown_version: Mapped[int]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(Integer)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(PlainText)
    process: Mapped[GpuProcessRow] = relationship()
