"""The queue: short jobs on GPUs that are idle, where they delay nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class Job:
    """A short job: how many GPUs of one host, for how long (its soft stop included).

    ``gpu_ids`` are those that may serve it; None for any.
    """

    wait_id: int
    gpu_count: int
    length: timedelta
    gpu_ids: frozenset[int] | None = None


def idle_gpus(job: Job, window: TimeWindow, calendar: Calendar) -> tuple[GpuOnHost, ...] | None:
    """Return GPUs of one host that nobody holds in all of the window, or None."""
    free = [
        gpu for gpu in calendar.free(window) if job.gpu_ids is None or gpu.gpu_id in job.gpu_ids
    ]
    return choose_gpus(free, job.gpu_count, one_host=True)


def expected_starts(
    jobs: Sequence[Job], gpus: Sequence[GpuOnHost], busy: Iterable[Busy], now: datetime
) -> dict[int, datetime | None]:
    """Foresee when each job will start, by dispatching them in turn over what is claimed.

    It is what would happen if nothing changed any more: a claim that is booked later makes it
    later, one that is given back earlier.  None where the job fits nowhere.
    """
    taken = list(busy)
    starts: dict[int, datetime | None] = {}
    for job in jobs:
        calendar = Calendar(gpus, taken)
        moments = sorted({now, *(claim.window.end for claim in taken if claim.window.end > now)})
        starts[job.wait_id] = None
        for moment in moments:
            window = TimeWindow(moment, moment + job.length)
            chosen = idle_gpus(job, window, calendar)
            if chosen is not None:
                starts[job.wait_id] = moment
                taken += [Busy(gpu.gpu_id, window) for gpu in chosen]
                break
    return starts
