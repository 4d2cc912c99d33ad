"""A new window for a locked reservation, and what has to follow it: claims, timers, the host."""

from __future__ import annotations

from bot.domain.time_window import TimeWindow
from bot.services import due, open_offers, stopping
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.tables import ReservationRow


def place(tx: Tx, row: ReservationRow, window: TimeWindow) -> None:
    """Give a reservation another window. Whoever calls has checked it, made room, and tells of it.

    Its claims, its timers and the end that its host goes by follow.  A swap cannot be answered
    when one of the two has begun: its time is cut back.  The caller has locked the reservation.
    """
    row.starts_at, row.ends_at = window.start, window.end
    row.version += 1
    for claim in row.claims:
        claim.starts_at, claim.ends_at = window.start, window.end
    tx.session.flush()
    due.disarm_reservation(tx, row)
    due.arm_reservation(tx, row)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None:
        stopping.bump_revision(tx, attempt.host_id)
    _cut_swaps_back(tx, row)


def _cut_swaps_back(tx: Tx, row: ReservationRow) -> None:
    for swap in open_offers.open_swaps(tx, [row.id]):
        if tx.now < row.starts_at < swap.expires_at:
            swap.expires_at = row.starts_at
            timers.arm(tx.session, TimerKind.SWAP_EXPIRES, swap.id, swap.expires_at)
    tx.session.flush()
