"""How a run goes on: in another reservation than the one in which it stops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow


class ContinuationReason(StrEnum):
    """Why a run goes on elsewhere.

    ``asked``: its holder wants the next free window; ``moved``: they moved it while it ran;
    ``split``: it was booked in two parts; ``retried``: it failed and there was no time left.
    ``preempted`` and ``host_lost`` are Berth's own doing and are never refused for a quota.
    """

    ASKED = "asked"
    MOVED = "moved"
    SPLIT = "split"
    RETRIED = "retried"
    PREEMPTED = "preempted"
    HOST_LOST = "host_lost"

    @property
    def is_owed(self) -> bool:
        """Tell whether Berth took the time away, so that no quota may refuse its return."""
        return self in (ContinuationReason.PREEMPTED, ContinuationReason.HOST_LOST)


class ContinuationState(StrEnum):
    """``planned`` until the run stops, then ``taken``; ``dropped`` if it never goes on there."""

    PLANNED = "planned"
    TAKEN = "taken"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class ContinuationView:
    """Where a run goes on, or where it came from, as the other end of the link shows it.

    ``reservation_id`` is that of the other reservation; ``approved`` is False while somebody has
    to approve it.
    """

    reservation_id: int
    reason: ContinuationReason
    state: ContinuationState
    window: TimeWindow
    host_names: tuple[str, ...] = ()
    approved: bool = True


def first_window(
    not_before: datetime, length: timedelta, *, now: datetime, grid: SlotGrid
) -> TimeWindow:
    """Return the earliest window of at least ``length`` that does not begin before ``not_before``.

    Within the slot that runs now it begins at once; later it begins on the grid, never earlier
    than it may: the run is in its old reservation until then.
    """
    wanted = max(length, grid.slot)
    if not_before <= now:
        return grid.cover(now, wanted, now=now)
    start = grid.ceil(not_before)
    return TimeWindow(start, grid.ceil(start + wanted))
