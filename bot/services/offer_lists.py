"""What is open between people: offers to a member, and those that the member has made."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from bot.domain.handovers import SwapView, TransferView
from bot.domain.limits import may_approve
from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.views import ReservationView
from bot.services import swaps, transfers
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store.offer_tables import ApprovalRow, SwapRow, TransferRow, UsageCheckRow
from bot.store.tables import ReservationRow

MOST_LISTED = 500


@reads_only
def open_transfers(tx: Tx, member: Member) -> tuple[TransferView, ...]:
    """Return the open offers to a member and those of what they hold, oldest first."""
    rows = tx.session.scalars(
        select(TransferRow)
        .where(
            TransferRow.state == OfferState.OPEN,
            TransferRow.expires_at > tx.now,
            or_(
                TransferRow.to_member_id == member.member_id,
                TransferRow.from_member_id == member.member_id,
            ),
        )
        .order_by(TransferRow.id)
        .limit(MOST_LISTED)
    )
    return tuple(transfers.view_of(row) for row in rows)


@reads_only
def open_swaps(tx: Tx, member: Member) -> tuple[SwapView, ...]:
    """Return the open proposals about reservations of a member, oldest first."""
    first, second = aliased(ReservationRow), aliased(ReservationRow)
    rows = tx.session.scalars(
        select(SwapRow)
        .join(first, first.id == SwapRow.first_reservation_id)
        .join(second, second.id == SwapRow.second_reservation_id)
        .where(
            SwapRow.state == OfferState.OPEN,
            SwapRow.expires_at > tx.now,
            or_(first.member_id == member.member_id, second.member_id == member.member_id),
        )
        .order_by(SwapRow.id)
        .limit(MOST_LISTED)
    )
    return tuple(swaps.view_of(row) for row in rows)


@reads_only
def open_approvals(tx: Tx, member: Member) -> tuple[ReservationView, ...]:
    """Return what waits for approval: the member's own, and what they may decide; oldest first."""
    mine = [ReservationRow.member_id == member.member_id]
    if member.role is Role.ADMIN:
        mine.append(ReservationRow.member_id.is_not(None))
    elif may_approve(member, member.team_id):
        mine.append(ReservationRow.team_id == member.team_id)
    rows = tx.session.scalars(
        select(ReservationRow)
        .join(ApprovalRow, ApprovalRow.reservation_id == ReservationRow.id)
        .where(ApprovalRow.state == OfferState.OPEN, ApprovalRow.expires_at > tx.now, or_(*mine))
        .order_by(ApprovalRow.id)
        .limit(MOST_LISTED)
    )
    return tuple(reservation_view(row) for row in rows)


@reads_only
def open_usage_checks(tx: Tx, member: Member) -> tuple[ReservationView, ...]:
    """Return the member's reservations about whose use they are asked, oldest question first."""
    rows = tx.session.scalars(
        select(ReservationRow)
        .join(UsageCheckRow, UsageCheckRow.reservation_id == ReservationRow.id)
        .where(UsageCheckRow.state == OfferState.OPEN, ReservationRow.member_id == member.member_id)
        .order_by(UsageCheckRow.id)
        .limit(MOST_LISTED)
    )
    return tuple(reservation_view(row) for row in rows)
