"""The end of an overrun: what it did not need is given back, and who waited for it starts sooner.

Below everything that ends or changes reservations.  The others' windows are changed in a
transaction of their own (`bot.services.overrun.bring_forward`), which locks all of them in order.
"""

from __future__ import annotations

from bot.domain.time_window import TimeWindow
from bot.services import audit, due
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import overruns, timers
from bot.store.overrun_tables import OverrunRow
from bot.store.tables import ReservationRow


def close(tx: Tx, row: ReservationRow) -> OverrunRow | None:
    """Note that a reservation does not go over any more; return the overrun that ended by that.

    Idempotent.  The caller has locked the reservation.
    """
    overrun = overruns.open_of(tx.session, row.id)
    if overrun is None:
        return None
    overrun.ended_at = tx.now
    tx.session.flush()
    timers.arm(tx.session, TimerKind.OVERRUN_OVER, row.id, tx.now)
    return overrun


def cut_back(tx: Tx, row: ReservationRow) -> None:
    """Let a reservation whose run is over end when it was booked to, or now if that has passed.

    The time beyond was for the run alone.  Idempotent.  The caller has locked the reservation,
    whose run has no live attempt any more, and shows it.
    """
    overrun = close(tx, row)
    if overrun is None:
        return
    end = max(overrun.booked_until, tx.now)
    if end >= row.ends_at:
        return
    old = TimeWindow(row.starts_at, row.ends_at)
    row.ends_at = end
    row.version += 1
    for claim in row.claims:
        claim.ends_at = min(claim.ends_at, end)
    tx.session.flush()
    due.disarm_reservation(tx, row)
    due.arm_reservation(tx, row)
    due.arm_serve_waiting(tx)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.overrun_over",
        ("reservation", row.id),
        booked_until=overrun.booked_until,
        old_end=old.end,
        ends_at=end,
    )
