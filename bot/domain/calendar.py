"""Pure search over claims: what is free in a window, and when a request would fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.holdings import Alternative, GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class Busy:
    """One GPU that is claimed for one window."""

    gpu_id: int
    window: TimeWindow


class Calendar:
    """All GPUs that can be booked and all that is claimed on them; an immutable snapshot."""

    def __init__(self, gpus: Sequence[GpuOnHost], busy: Iterable[Busy]) -> None:
        self._gpus = tuple(gpus)
        by_gpu: defaultdict[int, list[TimeWindow]] = defaultdict(list)
        for claim in busy:
            by_gpu[claim.gpu_id].append(claim.window)
        self._busy: Mapping[int, list[TimeWindow]] = by_gpu

    @property
    def gpus(self) -> tuple[GpuOnHost, ...]:
        """Every GPU that can be booked."""
        return self._gpus

    def only(self, gpus: Sequence[GpuOnHost]) -> Calendar:
        """Return the calendar of those GPUs alone."""
        wanted = {gpu.gpu_id for gpu in gpus}
        return Calendar(
            [gpu for gpu in self._gpus if gpu.gpu_id in wanted],
            [
                Busy(gpu_id, window)
                for gpu_id, windows in self._busy.items()
                if gpu_id in wanted
                for window in windows
            ],
        )

    def free(self, window: TimeWindow) -> tuple[GpuOnHost, ...]:
        """Return the GPUs that nobody holds at any instant of ``window``."""
        return tuple(
            gpu
            for gpu in self._gpus
            if not any(taken.overlaps(window) for taken in self._busy.get(gpu.gpu_id, ()))
        )

    def fits(self, count: int, window: TimeWindow, *, one_host: bool) -> bool:
        """Tell whether ``count`` GPUs can be had for the whole window."""
        return choose_gpus(self.free(window), count, one_host=one_host) is not None

    def nearest_windows(
        self,
        count: int,
        wanted: TimeWindow,
        *,
        grid: SlotGrid,
        one_host: bool,
        last_start: datetime,
        limit: int,
    ) -> tuple[Alternative, ...]:
        """Return up to ``limit`` windows of the wanted length, in order of time, that fit.

        Windows start after the wanted one, on the grid, not later than ``last_start``.  A window
        is offered only where it does not overlap the one offered before it, so that the choices
        differ by more than a slot.
        """
        length = grid.ceil(wanted.end) - grid.floor(wanted.start)
        found: list[Alternative] = []
        for start in _grid_starts(grid, after=wanted.start, last=last_start):
            window = TimeWindow(start, start + length)
            if found and window.overlaps(found[-1].window):
                continue
            if self.fits(count, window, one_host=one_host):
                found.append(Alternative(count, window))
                if len(found) == limit:
                    break
        return tuple(found)

    def fewer_now(self, wanted: TimeWindow, *, one_host: bool) -> Alternative | None:
        """Return the most GPUs that the wanted window itself still has, or None."""
        free = self.free(wanted)
        count = len(free)
        while count and choose_gpus(free, count, one_host=one_host) is None:
            count -= 1
        return Alternative(count, wanted) if count else None


def _grid_starts(grid: SlotGrid, *, after: datetime, last: datetime) -> Iterator[datetime]:
    start = grid.floor(after) + grid.slot
    step: timedelta = grid.slot
    while start <= last:
        yield start
        start += step
