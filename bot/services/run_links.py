"""The links between the reservations of one run: what is planned, and what comes of it.

Below everything that cancels, ends or changes reservations, all of which must keep them true.  A
continuation is always booked after the reservation that it follows, so that locking the source
first and the target second is the order of their ids (`bot.store.reservations`).
"""

from __future__ import annotations

from datetime import datetime

from bot.domain.continuations import ContinuationState
from bot.domain.errors import OutOfOrder
from bot.domain.run_notices import ContinuationDropped
from bot.domain.states import ReservationState, RunState
from bot.services import audit, outbox
from bot.services.transaction import Tx
from bot.store import continuations, reservations
from bot.store.tables import ReservationRow


def planned_for(tx: Tx, row: ReservationRow) -> ReservationRow | None:
    """Return the reservation in which the run of ``row`` is planned to go on, or None."""
    link = continuations.planned_from(tx.session, row.id)
    return None if link is None else link.target


def carries_run(tx: Tx, row: ReservationRow) -> bool:
    """Tell whether a run is in a reservation or will be: its GPUs must be on one host."""
    return row.run is not None or is_planned_target(tx, row)


def is_planned_target(tx: Tx, row: ReservationRow) -> bool:
    """Tell whether a run that is elsewhere still is to go on in ``row``."""
    return continuations.planned_to(tx.session, row.id) is not None


def let_go(tx: Tx, row: ReservationRow, why: str) -> None:
    """Note that no run comes to ``row`` any more, because it is cancelled or over. Idempotent.

    The run ends where it is, and its holder is told.
    """
    link = continuations.planned_to(tx.session, row.id)
    if link is None:
        return
    source = link.source
    run_over = RunState(link.run.state).is_over
    link.state, link.decided_at = ContinuationState.DROPPED, tx.now
    tx.session.flush()
    notice = ContinuationDropped(source.id, row.id, why, run_over, row.member.slack_user_id)
    outbox.show(tx, source)
    outbox.tell_thread(tx, source, notice)
    if not run_over:
        outbox.tell_holder(tx, source, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "run.continuation_dropped",
        ("run", link.run_id),
        reason=why,
        from_reservation=source.id,
        to_reservation=row.id,
    )


def lock_planned(tx: Tx, row: ReservationRow) -> ReservationRow | None:
    """Lock the reservation in which the run of ``row`` goes on, and return it if it still does.

    The caller has locked ``row``.  Whoever cancels the target at this moment comes before or
    after, never in between.
    """
    planned = planned_for(tx, row)
    if planned is None:
        return None
    target = reservations.lock(tx.session, planned.id)
    if continuations.planned_from(tx.session, row.id) is None or target is None:
        return None
    return None if ReservationState(target.state).is_over else target


def require_order(tx: Tx, row: ReservationRow, *, starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a window by which a run would have to be in two reservations at once.

    Raises:
        OutOfOrder: it would begin before the one that it follows has ended, or end after the one
            that follows it has begun; carries both.
    """
    before = continuations.planned_to(tx.session, row.id)
    if before is not None and starts_at < before.source.ends_at:
        still_there = not ReservationState(before.source.state).is_over
        if still_there and before.source.state != ReservationState.RELEASING:
            raise OutOfOrder(row.id, before.source.id, before.source.ends_at, row.id, starts_at)
    after = continuations.planned_from(tx.session, row.id)
    if after is not None and ends_at > after.target.starts_at and ends_at > row.ends_at:
        raise OutOfOrder(row.id, row.id, ends_at, after.target.id, after.target.starts_at)
