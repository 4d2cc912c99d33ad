"""Tables of incidents: what went wrong with hosts and GPUs, and where it is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, GpuRow, HostRow, MemberRow
from bot.store.types import PlainText


class IncidentRow(Base):
    """One kind of trouble of a GPU or a host, and how things stand with it.

    ``kind`` is an `IncidentKind`, ``state`` an `IncidentState` since ``since``.  ``mark`` is what
    the device said when an error was taken in last.  ``opened_at`` is None while it is only
    suspected.  ``version`` grows with every change of what is told of it.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_host_id_state", "host_id", "state"),
        Index("ix_incidents_opened_at", "opened_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"))
    gpu_id: Mapped[int | None] = mapped_column(ForeignKey("gpus.id"))
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(Integer)
    mark: Mapped[int | None]
    value: Mapped[float | None]
    worst: Mapped[float | None]
    opened_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    version: Mapped[int] = mapped_column(default=1)
    host: Mapped[HostRow] = relationship()
    gpu: Mapped[GpuRow | None] = relationship()
    acknowledged_by: Mapped[MemberRow | None] = relationship()


class IncidentCardRow(Base):
    """Where an incident is told: one message for each lane, edited in place.

    ``lane`` is a channel, or a person for a direct message.  While ``due_at`` is set it does not
    show what is true; whoever brings it up to date holds it by lease.
    """

    __tablename__ = "incident_cards"
    __table_args__ = (UniqueConstraint("incident_id", "lane"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    lane: Mapped[str]
    channel_id: Mapped[str]
    ts: Mapped[str] = mapped_column(String(32))
    shown_version: Mapped[int]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(Integer)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(PlainText)
    incident: Mapped[IncidentRow] = relationship()
