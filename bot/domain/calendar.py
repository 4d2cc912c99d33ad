"""Pure search over claims: what is free in a window, and when a request would fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.holdings import Alternative, AlternativeKind, GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.slot_bits import free_starts, occupied
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

    @property
    def busy(self) -> tuple[Busy, ...]:
        """Everything that is claimed, GPU by GPU."""
        return tuple(
            Busy(gpu_id, window) for gpu_id, windows in self._busy.items() for window in windows
        )

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
        origin = grid.floor(wanted.start) + grid.slot
        starts = (last_start - origin) // grid.slot + 1
        if starts < 1:
            return ()
        free_by_host = self._free_starts(origin, grid, length // grid.slot, starts)
        found: list[Alternative] = []
        number = 0
        while number < starts and len(found) < limit:
            if _fits_at(number, free_by_host, count, one_host=one_host):
                start = origin + number * grid.slot
                found.append(Alternative(count, TimeWindow(start, start + length)))
                number += length // grid.slot
            else:
                number += 1
        return tuple(found)

    def _free_starts(
        self, origin: datetime, grid: SlotGrid, length: int, starts: int
    ) -> list[list[int]]:
        """Return, host by host and for each GPU, from which slots on it is free long enough."""
        slots = starts + length - 1
        by_host: defaultdict[int, list[int]] = defaultdict(list)
        for gpu in self._gpus:
            taken = occupied(
                self._busy.get(gpu.gpu_id, ()), origin=origin, slot=grid.slot, slots=slots
            )
            by_host[gpu.host_id].append(free_starts(taken, length=length, slots=slots))
        return list(by_host.values())

    def fewer_now(self, wanted: TimeWindow, *, one_host: bool) -> Alternative | None:
        """Return the most GPUs that the wanted window itself still has, or None."""
        free = self.free(wanted)
        by_host = Counter(gpu.host_id for gpu in free)
        count = max(by_host.values(), default=0) if one_host else len(free)
        return Alternative(count, wanted, kind=AlternativeKind.FEWER) if count else None


def _fits_at(
    number: int, free_by_host: Sequence[Sequence[int]], count: int, *, one_host: bool
) -> bool:
    bit = 1 << number
    total = 0
    for gpus in free_by_host:
        here = sum(1 for starts in gpus if starts & bit)
        if here >= count:
            return True
        total += here
    return total >= count and not one_host
