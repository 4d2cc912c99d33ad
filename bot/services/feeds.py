"""Calendar feeds: made, revoked, and read by whoever has the secret address.

A calendar program cannot sign in, so the address itself is the key: 256 random bits, of which only
the digest is kept.  Whoever made it can revoke it; it shows nothing any more once its maker is no
longer somebody who may see it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select

from bot.domain.errors import UnknownGpu, UnknownOffer
from bot.domain.feeds import Feed, FeedEvent, FeedKind, FeedLink, FeedView
from bot.domain.people import Member, Role
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import audit
from bot.services.transaction import Tx, reads_only
from bot.store.claims import gpu_on_host
from bot.store.seeing_tables import CalendarLinkRow
from bot.store.tables import (
    AuditEventRow,
    ClaimRow,
    GpuRow,
    HostRow,
    MemberRow,
    ReservationRow,
    TeamRow,
)

SECRET_BYTES = 32
OFFER = "calendar link"
LOOKS_BACK = timedelta(days=30)
MOST_EVENTS = 2000
USE_NOTED_EVERY = timedelta(hours=1)
_NOT_SHOWN = (ReservationState.PENDING, ReservationState.OFFERED)


def make(tx: Tx, member: Member, kind: FeedKind, gpu_name: str = "") -> FeedLink:
    """Make a feed of the member's own, of their team, or of a GPU by its name (``gpu3@host2``).

    Raises:
        UnknownGpu: there is no GPU of that name.
    """
    subject_id, name = _subject(tx, member, kind, gpu_name)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = CalendarLinkRow(
        sha256=_digest(secret),
        member_id=member.member_id,
        kind=kind,
        subject_id=subject_id,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx, audit.by_member(member), "feed.made", ("feed", row.id), kind=kind.value, of=name
    )
    return FeedLink(secret, kind, name)


def _subject(tx: Tx, member: Member, kind: FeedKind, gpu_name: str) -> tuple[int, str]:
    if kind is FeedKind.MEMBER:
        return member.member_id, member.name
    if kind is FeedKind.TEAM:
        return member.team_id, member.team_name
    gpus = tx.session.scalars(select(GpuRow).join(HostRow).order_by(GpuRow.id)).all()
    named = {gpu_on_host(row).name.lower(): row for row in gpus}
    row = named.get(gpu_name.lower())
    if row is None:
        raise UnknownGpu(gpu_name, tuple(named))
    return row.id, gpu_on_host(row).name


@reads_only
def listed(tx: Tx, member: Member) -> tuple[FeedView, ...]:
    """Return the member's feeds that are not revoked, the newest first."""
    rows = tx.session.scalars(
        select(CalendarLinkRow)
        .where(CalendarLinkRow.member_id == member.member_id, CalendarLinkRow.revoked_at.is_(None))
        .order_by(CalendarLinkRow.id.desc())
    )
    return tuple(
        FeedView(row.id, FeedKind(row.kind), _name_of(tx, row), row.created_at, row.last_used_at)
        for row in rows
    )


def revoke(tx: Tx, member: Member, link_id: int) -> None:
    """Let a feed show nothing any more. Revoking it again changes nothing.

    Raises:
        UnknownOffer: there is none of that number that is the member's; admins may revoke any.
    """
    row = tx.session.get(CalendarLinkRow, link_id, with_for_update=True)
    if row is None or (row.member_id != member.member_id and member.role is not Role.ADMIN):
        raise UnknownOffer(OFFER, link_id)
    if row.revoked_at is None:
        row.revoked_at = tx.now
        audit.record(tx, audit.by_member(member), "feed.revoked", ("feed", row.id))


def read(tx: Tx, secret: str) -> Feed:
    """Return what an address shows: from thirty days ago on, all that is booked ahead.

    Raises:
        UnknownOffer: no such address, or it was revoked.
    """
    row = tx.session.scalar(
        select(CalendarLinkRow).where(
            CalendarLinkRow.sha256 == _digest(secret), CalendarLinkRow.revoked_at.is_(None)
        )
    )
    # Of a team that its maker has left there is nothing more to see.
    if row is None or (row.kind == FeedKind.TEAM and row.member.team_id != row.subject_id):
        raise UnknownOffer(OFFER, 0)
    if row.last_used_at is None or tx.now - row.last_used_at > USE_NOTED_EVERY:
        row.last_used_at = tx.now
    return Feed(FeedKind(row.kind), _name_of(tx, row), _events(tx, row))


def _events(tx: Tx, link: CalendarLinkRow) -> tuple[FeedEvent, ...]:
    rows = tx.session.scalars(
        select(ReservationRow)
        .where(
            _shows(link),
            ReservationRow.ends_at > tx.now - LOOKS_BACK,
            ReservationRow.state.not_in(_NOT_SHOWN),
        )
        .order_by(ReservationRow.starts_at.desc(), ReservationRow.id)
        .limit(MOST_EVENTS)
    ).all()
    changes = (
        select(AuditEventRow.subject_id, func.max(AuditEventRow.at).label("at"))
        .where(
            AuditEventRow.subject_type == "reservation",
            AuditEventRow.subject_id.in_([row.id for row in rows]),
        )
        .group_by(AuditEventRow.subject_id)
    )
    changed = {each.subject_id: each.at for each in tx.session.execute(changes)}
    return tuple(
        FeedEvent(
            reservation_id=row.id,
            window=_window(row),
            cancelled=row.state == ReservationState.CANCELLED,
            holder_name=row.member.name,
            team_name=row.team.name,
            gpu_names=tuple(gpu_on_host(claim.gpu).name for claim in row.claims),
            note=row.note,
            priority=row.priority,
            sequence=row.version,
            created_at=row.created_at,
            changed_at=changed.get(row.id, row.created_at),
        )
        for row in sorted(rows, key=lambda row: row.id)
    )


def _window(row: ReservationRow) -> TimeWindow:
    """Return when it holds GPUs: one that ended early ends when it did."""
    early = row.state == ReservationState.ENDED and row.ended_at is not None
    end = min(row.ends_at, row.ended_at) if early and row.ended_at is not None else row.ends_at
    return TimeWindow(row.starts_at, max(end, row.starts_at + timedelta(seconds=1)))


def _shows(link: CalendarLinkRow) -> ColumnElement[bool]:
    if link.kind == FeedKind.MEMBER:
        return ReservationRow.member_id == link.subject_id
    if link.kind == FeedKind.TEAM:
        return (ReservationRow.team_id == link.subject_id) & (
            ReservationRow.kind != ReservationKind.MAINTENANCE
        )
    return ReservationRow.id.in_(
        select(ClaimRow.reservation_id).where(ClaimRow.gpu_id == link.subject_id)
    )


def _name_of(tx: Tx, link: CalendarLinkRow) -> str:
    if link.kind == FeedKind.MEMBER:
        return tx.session.get_one(MemberRow, link.subject_id).name
    if link.kind == FeedKind.TEAM:
        return tx.session.get_one(TeamRow, link.subject_id).name
    return gpu_on_host(tx.session.get_one(GpuRow, link.subject_id)).name


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
