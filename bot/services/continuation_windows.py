"""Where the run of a reservation could go on: for how long, when, and on which GPUs."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.calendar import Calendar
from bot.domain.continuations import first_window
from bot.domain.errors import WindowTaken
from bot.domain.holdings import Alternative, GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.time_window import TimeWindow
from bot.services.placing import last_end
from bot.services.transaction import Tx, reads_only
from bot.services.views import run_progress
from bot.store.claims import holdings_in, load_calendar
from bot.store.tables import HostRow, ReservationRow

LATER_WINDOWS = 3
"""How many later windows are offered where one is taken."""
STARTUP_ALLOWANCE = timedelta(minutes=5)
"""Added to what is left of a run: it loads its model, its data and its checkpoint once more."""
MARGIN = 1.1
"""What is left is booked with a tenth on top: a forecast is no promise."""


def length_left(tx: Tx, row: ReservationRow, until: datetime) -> timedelta:
    """Return how long the run of ``row`` still needs once it has trained until then.

    By its measured pace, with a tenth and its start-up on top; while that is not known, as long
    as it was booked for, less what it has had.  At least one slot.
    """
    left = run_progress(row.run).left if row.run is not None else None
    if left is None:
        needed = row.ends_at - max(tx.now, row.starts_at)
    else:
        needed = (left - (until - tx.now)) * MARGIN + STARTUP_ALLOWANCE
    return min(max(needed, tx.policy.slot), tx.policy.longest_reservation)


@reads_only
def find_continuation_window(
    tx: Tx,
    row: ReservationRow,
    length: timedelta,
    not_before: datetime,
    *,
    answering_only: bool = False,
) -> tuple[TimeWindow, tuple[GpuOnHost, ...]] | None:
    """Return the nearest window in which the run of ``row`` could go on, and its GPUs, or None.

    As many GPUs of the same type on one host; the host that it is on, and there the same GPUs,
    come first, because the checkpoint lies there.  At least one slot, at most the longest
    reservation; not before ``not_before`` and not beyond the horizon.  ``answering_only`` leaves
    out hosts that are silent now.
    """
    policy, count = tx.policy, len(row.claims)
    wanted = min(max(length, policy.slot), policy.longest_reservation)
    first = first_window(not_before, wanted, now=tx.now, grid=policy.grid)
    usable = _same_kind(tx, row, first.start, answering_only=answering_only)
    chosen = _near_its_checkpoint(row, usable, first)
    if chosen is not None:
        return first, chosen
    begin = policy.grid.floor(first.start)
    later = usable.nearest_windows(
        count,
        TimeWindow(begin, policy.grid.ceil(begin + wanted)),
        grid=policy.grid,
        one_host=True,
        last_start=tx.now + policy.horizon,
        limit=1,
    )
    for each in later:
        chosen = _near_its_checkpoint(row, usable, each.window)
        if chosen is not None:
            return each.window, chosen
    return None


def _same_kind(
    tx: Tx, row: ReservationRow, start: datetime, *, answering_only: bool = False
) -> Calendar:
    calendar = load_calendar(tx.session, start, last_end(tx))
    models = {claim.gpu.model for claim in row.claims}
    usable = [gpu for gpu in calendar.gpus if gpu.model in models]
    if answering_only:
        answering = set(tx.session.scalars(select(HostRow.id).where(HostRow.online)))
        usable = [gpu for gpu in usable if gpu.host_id in answering]
    return calendar.only(usable)


def _near_its_checkpoint(
    row: ReservationRow, usable: Calendar, window: TimeWindow
) -> tuple[GpuOnHost, ...] | None:
    own = frozenset(claim.gpu_id for claim in row.claims)
    here = {claim.gpu.host_id for claim in row.claims}
    free = usable.free(window)
    for pool in ([gpu for gpu in free if gpu.host_id in here], free):
        chosen = choose_gpus(pool, len(own), one_host=True, preferred_gpu_ids=own)
        if chosen is not None:
            return tuple(sorted(chosen, key=lambda gpu: gpu.gpu_id))
    return None


def find_place(
    tx: Tx,
    row: ReservationRow,
    length: timedelta,
    not_before: datetime,
    window: TimeWindow | None,
    *,
    answering_only: bool = False,
) -> tuple[TimeWindow, tuple[GpuOnHost, ...]]:
    """Return where a continuation goes: ``window``, or the nearest one that fits.

    Raises:
        WindowTaken: nothing fits within the horizon, or not in ``window``.
    """
    if window is None:
        found = find_continuation_window(tx, row, length, not_before, answering_only=answering_only)
        if found is not None:
            return found
        window = first_window(not_before, length, now=tx.now, grid=tx.policy.grid)
    usable = _same_kind(tx, row, window.start, answering_only=answering_only)
    chosen = _near_its_checkpoint(row, usable, window)
    if chosen is None:
        gpu_ids = [gpu.gpu_id for gpu in usable.gpus]
        raise WindowTaken(
            len(row.claims),
            len(usable.free(window)),
            holdings_in(tx.session, window, gpu_ids),
            _later(tx, row, usable, window),
        )
    return window, chosen


def _later(
    tx: Tx, row: ReservationRow, usable: Calendar, window: TimeWindow
) -> tuple[Alternative, ...]:
    """Return later windows to which the run can be moved instead."""
    grid = tx.policy.grid
    begin = grid.floor(window.start)
    found = usable.nearest_windows(
        len(row.claims),
        TimeWindow(begin, grid.ceil(begin + window.length)),
        grid=grid,
        one_host=True,
        last_start=tx.now + tx.policy.horizon,
        limit=LATER_WINDOWS,
    )
    return tuple(Alternative(each.gpu_count, each.window, row.id) for each in found)
