"""Every table, with the constraints that keep Berth's promises.

The rule that two live claims on one GPU never overlap is an exclusion constraint on PostgreSQL and
a pair of triggers on SQLite; both are made by `bot.store.claim_guard`, which the first migration
repeats in its own words.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from bot.store.types import PlainString, PlainText, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite numbers rows by itself only for a column declared as plain INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of all rows."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        int: Id,
        str: PlainString(255),
    }


class TeamRow(Base):
    """A team and the channel where its cards stand.

    Its quota is None where it has none; ``approval_channel_id`` is empty where approvals are asked
    for in the team's own channel; ``usergroup_id`` names the Slack user group of its members.
    """

    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    channel_id: Mapped[str]
    colour: Mapped[str] = mapped_column(String(16), default="")
    approval_channel_id: Mapped[str] = mapped_column(default="")
    usergroup_id: Mapped[str] = mapped_column(default="")
    quota_gpus_at_once: Mapped[int | None] = mapped_column(Integer)
    quota_gpu_hours_per_week: Mapped[float | None]
    created_at: Mapped[datetime]


class MemberRow(Base):
    """A person, as Slack knows them."""

    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    slack_user_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    role: Mapped[str] = mapped_column(String(16))
    time_zone: Mapped[str]
    created_at: Mapped[datetime]
    team: Mapped[TeamRow] = relationship()


class HostRow(Base):
    """A machine with an agent. ``desired_revision`` grows with every change meant for it.

    While ``drained_at`` is set nothing new is booked on it.
    """

    __tablename__ = "hosts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    online: Mapped[bool]
    agent_version: Mapped[str]
    protocol_version: Mapped[int] = mapped_column(Integer)
    desired_revision: Mapped[int] = mapped_column(default=1)
    registered_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    drained_at: Mapped[datetime | None]
    gpus: Mapped[list[GpuRow]] = relationship(
        back_populates="host", order_by="GpuRow.index", lazy="selectin"
    )


class GpuRow(Base):
    """One device, known by its UUID. ``present`` is what its agent said last.

    While ``broken_at`` is set nothing new is booked on it.  ``read_at`` is when it was measured
    last, ``process_at`` and ``busy_at`` the last instants at which a process and real use were
    seen on it, or could not be ruled out.
    """

    __tablename__ = "gpus"
    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"), index=True)
    index: Mapped[int] = mapped_column(Integer)
    model: Mapped[str]
    memory_mib: Mapped[int]
    simulated: Mapped[bool]
    present: Mapped[bool]
    broken_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    process_at: Mapped[datetime | None]
    busy_at: Mapped[datetime | None]
    host: Mapped[HostRow] = relationship(back_populates="gpus")


class ReservationRow(Base):
    """N named GPUs, all or none, for one window. ``version`` grows with every change.

    ``kind`` is a `ReservationKind`; ``series_id`` names the series it is an occurrence of.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="window"),
        UniqueConstraint("member_id", "request_key"),
        Index("ix_reservations_state_starts_at", "state", "starts_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), default="work")
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    priority: Mapped[str] = mapped_column(String(4))
    preemptible: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(PlainText)
    request_key: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(PlainText, default="")
    team: Mapped[TeamRow] = relationship()
    member: Mapped[MemberRow] = relationship()
    claims: Mapped[list[ClaimRow]] = relationship(
        back_populates="reservation", order_by="ClaimRow.gpu_id", lazy="selectin"
    )
    run: Mapped[RunRow | None] = relationship(back_populates="reservation", lazy="selectin")


class ClaimRow(Base):
    """One GPU held for one interval. A claim that is not live never was (cancelled before)."""

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at OR NOT live", name="window"),
        Index("ix_claims_gpu_id_ends_at", "gpu_id", "ends_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    gpu_id: Mapped[int] = mapped_column(ForeignKey("gpus.id"))
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    live: Mapped[bool] = mapped_column(default=True)
    reservation: Mapped[ReservationRow] = relationship(back_populates="claims")
    gpu: Mapped[GpuRow] = relationship()


class RunRow(Base):
    """One training job, over all its attempts."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), unique=True)
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), index=True)
    end_cause: Mapped[str | None] = mapped_column(String(32))
    end_detail: Mapped[str] = mapped_column(PlainText, default="")
    log_tail: Mapped[list[str]] = mapped_column(default=list)
    final_metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reservation: Mapped[ReservationRow] = relationship(back_populates="run")
    attempts: Mapped[list[AttemptRow]] = relationship(
        back_populates="run", order_by="AttemptRow.number", lazy="selectin"
    )


class AttemptRow(Base):
    """One execution of a run on a host. ``fence`` tells a late message from a current one.

    ``reservation_id`` is the reservation whose GPUs it has: a run may go on in another one, and
    what it did stays where it did it.  ``late_s`` are the seconds from when it was due to the
    trainer's exec; ``batch_that_fits`` is what would have fitted after it ran out of memory.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("run_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    fence: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    stop_reason: Mapped[str | None] = mapped_column(String(16))
    gpu_uuids: Mapped[list[str]]
    pid: Mapped[int | None]
    assigned_at: Mapped[datetime]
    trainer_started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_cause: Mapped[str | None] = mapped_column(String(32))
    reservation_id: Mapped[int | None]
    late_s: Mapped[float | None]
    batch_that_fits: Mapped[int | None] = mapped_column(Integer)
    run: Mapped[RunRow] = relationship(back_populates="attempts")
    host: Mapped[HostRow] = relationship()
    epochs: Mapped[list[EpochRow]] = relationship(order_by="EpochRow.epoch", lazy="selectin")


class EpochRow(Base):
    """One finished epoch of an attempt."""

    __tablename__ = "epochs"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    epoch_s: Mapped[float]
    losses: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ArtifactRow(Base):
    """A file of an attempt, kept in the artifact store under ``key``."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("attempt_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    name: Mapped[str]
    key: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    stored_at: Mapped[datetime]


class TimerRow(Base):
    """Something to do at an instant, once. A replica holds it for as long as its lease lasts."""

    __tablename__ = "timers"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_timers_due", "due_at", postgresql_where=text("done_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[int]
    due_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None]


class OutboxRow(Base):
    """A message that must go out: at least once, in order within its lane.

    ``tries`` above 0 on a row that is still pending means that an earlier try may have gone out.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_pending",
            "lane",
            "id",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"), index=True)
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="pending")
    tries: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(PlainText, default="")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class CardRow(Base):
    """Where a reservation's card stands in Slack, and what it showed last."""

    __tablename__ = "cards"
    reservation_id: Mapped[int] = mapped_column(
        ForeignKey("reservations.id"), primary_key=True, autoincrement=False
    )
    channel_id: Mapped[str]
    ts: Mapped[str] = mapped_column(String(32))
    shown_version: Mapped[str] = mapped_column(String(128))
    edited_at: Mapped[datetime]
    plot_file_id: Mapped[str | None] = mapped_column(String(64))


class AuditEventRow(Base):
    """Who did what to which thing, when, and why. Rows are only ever added."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_subject", "subject_type", "subject_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_type: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(64))
    subject_type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int]
    reason: Mapped[str] = mapped_column(PlainText, default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class TokenRow(Base):
    """A secret of an agent or of a member's programs; only its digest is kept."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    member: Mapped[MemberRow | None] = relationship()
