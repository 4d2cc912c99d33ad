"""A training in two windows, where no single one is free soon: it stops in the first and resumes.

The first part is at the wish itself, as long as it can be had there, or in the nearest free slots;
the second is the nearest window for all the rest.  Each is at least a slot.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.alternatives import Wanted
from bot.domain.calendar import Calendar
from bot.domain.holdings import Alternative, AlternativeKind
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow


def split_in_two(
    wanted: Wanted, *, grid: SlotGrid, last_start: datetime, done_by: datetime | None
) -> Alternative | None:
    """Return two windows that are together as long as the wish, or None.

    None also where a single window would be over by then.

    Args:
        wanted: what could not be had; only what trains, on one host, can be split.
        grid: the grid of slots.
        last_start: how far the calendar reaches.
        done_by: the end of the nearest single window, None if there is none.
    """
    total = wanted.whole_slots.length
    if not wanted.one_host or total < 2 * grid.slot:
        return None
    first = _at_the_wish(wanted, total, grid) or _nearest(wanted, total, grid, last_start)
    if first is None:
        return None
    rest = grid.slot * -(-(total - first.length) // grid.slot)
    second = _next(wanted.usable, wanted.count, first.end, rest, grid, last_start)
    if second is None or (done_by is not None and second.end >= done_by):
        return None
    return Alternative(wanted.count, first, kind=AlternativeKind.SPLIT, second=second)


def _at_the_wish(wanted: Wanted, total: timedelta, grid: SlotGrid) -> TimeWindow | None:
    return _longest_from(wanted, wanted.window.start, total, grid)


def _nearest(
    wanted: Wanted, total: timedelta, grid: SlotGrid, last_start: datetime
) -> TimeWindow | None:
    one = _next(wanted.usable, wanted.count, wanted.window.start, grid.slot, grid, last_start)
    return None if one is None else _longest_from(wanted, one.start, total, grid)


def _longest_from(
    wanted: Wanted, start: datetime, total: timedelta, grid: SlotGrid
) -> TimeWindow | None:
    """Return the longest window from ``start`` that leaves a slot at least for the second part."""
    begin = grid.floor(start)
    for slots in range(total // grid.slot - 1, 0, -1):
        end = begin + slots * grid.slot
        if end - start < grid.slot:
            return None
        window = TimeWindow(start, end)
        if wanted.usable.fits(wanted.count, window, one_host=True):
            return window
    return None


def _next(
    usable: Calendar,
    count: int,
    not_before: datetime,
    length: timedelta,
    grid: SlotGrid,
    last_start: datetime,
) -> TimeWindow | None:
    """Return the nearest window on the grid that begins at ``not_before`` or later."""
    # The search begins a slot after the window that it is given.
    before = grid.ceil(not_before) - grid.slot
    found = usable.nearest_windows(
        count,
        TimeWindow(before, before + length),
        grid=grid,
        one_host=True,
        last_start=last_start,
        limit=1,
    )
    return found[0].window if found else None
