"""Questions about the use of GPUs, and what has been seen of their use."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.offers import OfferState
from bot.store.offer_tables import UsageCheckRow


def open_check(session: Session, reservation_id: int) -> UsageCheckRow | None:
    """Return the question about a reservation that nobody has answered yet, or None."""
    return session.scalar(
        select(UsageCheckRow)
        .where(
            UsageCheckRow.reservation_id == reservation_id, UsageCheckRow.state == OfferState.OPEN
        )
        .order_by(UsageCheckRow.id.desc())
        .limit(1)
    )


def last_kept(session: Session, reservation_id: int) -> UsageCheckRow | None:
    """Return the last question about a reservation that was answered with Keep, or None."""
    return session.scalar(
        select(UsageCheckRow)
        .where(
            UsageCheckRow.reservation_id == reservation_id,
            UsageCheckRow.state == OfferState.DECLINED,
        )
        .order_by(UsageCheckRow.id.desc())
        .limit(1)
    )
