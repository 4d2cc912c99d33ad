"""Moving a reservation whose run is under way: it stops at a checkpoint and goes on later."""

from __future__ import annotations

from datetime import datetime

from bot.domain.continuations import ContinuationReason, first_window
from bot.domain.errors import BeyondHorizon, PastStart
from bot.domain.people import Member
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import audit, continuing, outbox, stopping
from bot.services.continuation_windows import length_left
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store.tables import ReservationRow


def move_running(
    tx: Tx, member: Member, row: ReservationRow, new_start: datetime, request_key: str | None
) -> ReservationView:
    """Stop the run of ``row`` softly now and let it go on at ``new_start``; return ``row``.

    A new reservation is booked for what is left of the run, with the card and everything; the rest
    of ``row`` is given back.  A continuation that was planned is given up for it.  The caller has
    taken a turn and has locked ``row``, whose run has a live attempt.

    Raises:
        PastStart, BeyondHorizon: the new start breaks a limit.
        WindowTaken: too few GPUs are free at that time; carries who holds them, and later windows.
    """
    policy = tx.policy
    if new_start < tx.now - policy.past_start_tolerance:
        raise PastStart(new_start, tx.now)
    start = max(policy.grid.floor(new_start), tx.now)
    if start > tx.now + policy.horizon:
        raise BeyondHorizon(start, tx.now + policy.horizon)
    length = length_left(tx, row, tx.now)
    continuing.drop(tx, row, f"the training of R{row.id} was moved")
    target = continuing.book_continuation(
        tx,
        row,
        member=member,
        length=length,
        not_before=start,
        reason=ContinuationReason.MOVED,
        window=first_window(start, length, now=tx.now, grid=policy.grid),
    )
    row.end_reason = f"moved to R{target.id}"
    stopping.release(tx, row, StopReason.REQUESTED)
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.moved",
        ("reservation", row.id),
        old_start=row.starts_at,
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        to_reservation=target.id,
        request_key=request_key,
    )
    return reservation_view(row)
