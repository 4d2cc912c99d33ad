"""Occupied slots as bits of one number: a month of one GPU is a few machine words.

Bit ``n`` stands for the slot that begins ``n`` slots after an origin on the grid.  A search over
a thousand GPUs and a month stays within milliseconds like that, in plain Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain.time_window import TimeWindow


def occupied(
    windows: Iterable[TimeWindow], *, origin: datetime, slot: timedelta, slots: int
) -> int:
    """Return the bits of all slots that any window touches, of the first ``slots``."""
    bits = 0
    for window in windows:
        first = max(0, (window.start - origin) // slot)
        end = min(slots, -((origin - window.end) // slot))
        if first < end:
            bits |= ((1 << (end - first)) - 1) << first
    return bits


def free_starts(occupied_bits: int, *, length: int, slots: int) -> int:
    """Return the bits of all slots from which ``length`` slots on are free, all within ``slots``.

    Runs of free slots grow by doubling: ``length`` is reached in a logarithmic number of steps.
    """
    runs, reached = ~occupied_bits & ((1 << slots) - 1), 1
    while reached < length:
        step = min(reached, length - reached)
        runs &= runs >> step
        reached += step
    return runs
