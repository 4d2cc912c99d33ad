"""Which places refuse messages, as far as the admins have been told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from bot.store.seeing_tables import RefusedPlaceRow

_REASON_CHARS = 64


def note_anew(session: Session, lane: str, reason: str, *, now: datetime, since: datetime) -> bool:
    """Note that a lane refuses for a reason; tell whether nobody has heard of it ``since``."""
    kept = reason[:_REASON_CHARS]
    row = session.get(RefusedPlaceRow, (lane, kept), with_for_update=True)
    if row is None:
        session.add(RefusedPlaceRow(lane=lane, reason=kept, told_at=now))
        return True
    if row.told_at > since:
        return False
    row.told_at = now
    return True
