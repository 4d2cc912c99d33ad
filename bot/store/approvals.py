"""Approvals, and who may give them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from bot.domain.offers import OfferState
from bot.domain.people import Role
from bot.store.offer_tables import ApprovalRow
from bot.store.tables import MemberRow, ReservationRow


def newest_of(session: Session, reservation_id: int) -> ApprovalRow | None:
    """Return the newest request for approval of a reservation, or None if it never needed one."""
    return session.scalar(
        select(ApprovalRow)
        .where(ApprovalRow.reservation_id == reservation_id)
        .order_by(ApprovalRow.id.desc())
        .limit(1)
    )


def lock(session: Session, approval_id: int) -> ApprovalRow | None:
    """Lock a request until the end of the transaction and return it as it is now.

    The caller has locked its reservation.
    """
    return session.get(ApprovalRow, approval_id, with_for_update=True, populate_existing=True)


def of_series(session: Session, series_id: int, state: str) -> tuple[ApprovalRow, ...]:
    """Return the requests in that state about occurrences of a series, oldest first."""
    return tuple(
        session.scalars(
            select(ApprovalRow)
            .join(ReservationRow, ReservationRow.id == ApprovalRow.reservation_id)
            .where(ReservationRow.series_id == series_id, ApprovalRow.state == state)
            .order_by(ApprovalRow.id)
        )
    )


def decided_together(session: Session, approval: ApprovalRow, series_id: int) -> int:
    """Return how many requests of a series wait together, or were decided at the same instant."""
    others = of_series(session, series_id, approval.state)
    return sum(one.decided_at == approval.decided_at for one in others)


def withdraw_open(session: Session, reservation_id: int, now: datetime) -> None:
    """Withdraw what still waits for approval, since its reservation is given up. Idempotent."""
    session.execute(
        update(ApprovalRow)
        .where(ApprovalRow.reservation_id == reservation_id, ApprovalRow.state == OfferState.OPEN)
        .values(state=OfferState.WITHDRAWN, decided_at=now)
    )


def approvers(session: Session, team_id: int) -> tuple[str, ...]:
    """Return the Slack ids of those who decide about a team's requests, its leads first."""
    rows = session.execute(
        select(MemberRow.slack_user_id, MemberRow.role)
        .where(
            or_(
                MemberRow.role == Role.ADMIN,
                and_(MemberRow.role == Role.LEAD, MemberRow.team_id == team_id),
            )
        )
        .order_by(MemberRow.id)
    ).all()
    return tuple(slack_id for slack_id, _ in sorted(rows, key=lambda row: row[1] != Role.LEAD))
