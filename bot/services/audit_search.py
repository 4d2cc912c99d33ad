"""Searching the audit log: who did what to which thing, when, and why.

Admins see all of it; leads what concerns their team; everybody else what they did themselves and
what was done to what is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from bot.domain.audit_views import AuditFilter, AuditLine, AuditPage
from bot.domain.people import Member, Role
from bot.services.transaction import Tx, reads_only
from bot.store.offer_tables import SeriesRow, WaitRow
from bot.store.seeing_tables import AuditLinkRow
from bot.store.tables import AuditEventRow, MemberRow, ReservationRow, RunRow

MOST_LISTED = 200
EXPORTED_AT_ONCE = 1000


@reads_only
def search(
    tx: Tx, member: Member, wanted: AuditFilter, cursor: int | None = None, limit: int = 50
) -> AuditPage:
    """Return the newest events that fit and that the member may see, at most `MOST_LISTED`.

    ``cursor`` is that of the page before.
    """
    limit = max(1, min(limit, MOST_LISTED))
    query = _filtered(wanted).where(_visible(member)).order_by(AuditEventRow.id.desc())
    if cursor is not None:
        query = query.where(AuditEventRow.id < cursor)
    lines = _lines(tx, query.limit(limit + 1))
    more = len(lines) > limit
    shown = lines[:limit]
    return AuditPage(tuple(shown), shown[-1].event_id if more else None)


@reads_only
def export(
    tx: Tx, member: Member | None, wanted: AuditFilter, after_id: int = 0
) -> tuple[AuditLine, ...]:
    """Return the next events behind one, oldest first; empty at the end.

    ``member`` is who exports, or None for an operator, who sees everything.
    """
    query = _filtered(wanted).where(AuditEventRow.id > after_id)
    if member is not None:
        query = query.where(_visible(member))
    return tuple(_lines(tx, query.order_by(AuditEventRow.id).limit(EXPORTED_AT_ONCE)))


def _filtered(wanted: AuditFilter) -> Select[AuditEventRow, str, str]:
    query = (
        select(AuditEventRow, MemberRow.name, AuditLinkRow.sha256)
        .outerjoin(
            MemberRow,
            and_(
                AuditEventRow.actor_type == "member", MemberRow.slack_user_id == AuditEventRow.actor
            ),
        )
        .outerjoin(AuditLinkRow, AuditLinkRow.event_id == AuditEventRow.id)
    )
    if wanted.who:
        name = wanted.who.removeprefix("@").lower()
        query = query.where(
            or_(func.lower(AuditEventRow.actor) == name, func.lower(MemberRow.name) == name)
        )
    if wanted.subject_kind:
        query = query.where(_about(wanted))
    if wanted.action:
        # Begins like it, as plain characters: % and _ of the asker mean themselves.
        query = query.where(AuditEventRow.action.startswith(wanted.action, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEventRow.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEventRow.at < wanted.until)
    return query


def _about(wanted: AuditFilter) -> ColumnElement[bool]:
    is_it = AuditEventRow.subject_type == wanted.subject_kind
    if wanted.subject_id is None:
        return is_it
    named = and_(is_it, AuditEventRow.subject_id == wanted.subject_id)
    if wanted.subject_kind != "reservation":
        return named
    runs = select(RunRow.id).where(RunRow.reservation_id == wanted.subject_id)
    return or_(named, and_(AuditEventRow.subject_type == "run", AuditEventRow.subject_id.in_(runs)))


def _visible(member: Member) -> ColumnElement[bool]:
    """Tell which events a member may see."""
    if member.role is Role.ADMIN:
        return AuditEventRow.id == AuditEventRow.id
    if member.role is Role.LEAD:
        people = select(MemberRow.slack_user_id).where(MemberRow.team_id == member.team_id)
        ids = select(MemberRow.id).where(MemberRow.team_id == member.team_id)
        own = ReservationRow.team_id == member.team_id
        team = and_(
            AuditEventRow.subject_type == "team", AuditEventRow.subject_id == member.team_id
        )
    else:
        people = select(MemberRow.slack_user_id).where(MemberRow.id == member.member_id)
        ids = select(MemberRow.id).where(MemberRow.id == member.member_id)
        own = ReservationRow.member_id == member.member_id
        team = AuditEventRow.id != AuditEventRow.id
    reservations = select(ReservationRow.id).where(own)
    subjects = {
        "reservation": reservations,
        "run": select(RunRow.id).where(RunRow.reservation_id.in_(reservations)),
        "member": ids,
        "series": select(SeriesRow.id).where(SeriesRow.member_id.in_(ids)),
        "wait": select(WaitRow.id).where(WaitRow.member_id.in_(ids)),
    }
    about_own = [
        and_(AuditEventRow.subject_type == kind, AuditEventRow.subject_id.in_(rows))
        for kind, rows in subjects.items()
    ]
    did = and_(AuditEventRow.actor_type == "member", AuditEventRow.actor.in_(people))
    return or_(did, team, *about_own)


def _lines(tx: Tx, query: Select[AuditEventRow, str, str]) -> Sequence[AuditLine]:
    return [
        AuditLine(
            event_id=row.id,
            at=row.at,
            actor_kind=row.actor_type,
            actor=row.actor,
            actor_name=name or row.actor,
            action=row.action,
            subject_kind=row.subject_type,
            subject_id=row.subject_id,
            reason=row.reason,
            data=row.data,
            sha256=sha256 or "",
        )
        for row, name, sha256 in tx.session.execute(query)
    ]
