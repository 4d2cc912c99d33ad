"""What fits instead, on a site of 1,000 GPUs whose next month is booked up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.domain.alternatives import Wanted, ranked_alternatives
from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import GpuOnHost
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow

GPUS, GPUS_PER_HOST, SLOTS = 1000, 8, 360
SLOT = timedelta(hours=2)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def search_in_a_full_month() -> Callable[[], timedelta]:
    """Return an operation that looks through all of the month, since nothing fits anywhere.

    It tells the time of one core: other work on the machine does not count.
    """
    calendar = _full_calendar()
    window = TimeWindow(NOW, NOW + 4 * SLOT)
    wanted = Wanted(GPUS_PER_HOST, window, window, True, calendar, False)

    def search() -> timedelta:
        started = time.process_time()
        last_start = NOW + SLOT * SLOTS
        ranked_alternatives(wanted, calendar, grid=SlotGrid(SLOT), last_start=last_start)
        return timedelta(seconds=time.process_time() - started)

    return search


def _full_calendar() -> Calendar:
    dice = random.Random(1)  # noqa: S311 - the same month every time, nothing secret
    gpus = [
        GpuOnHost(number, number // GPUS_PER_HOST, number % GPUS_PER_HOST, f"host{number}", "A100")
        for number in range(GPUS)
    ]
    busy = []
    for gpu in gpus:
        begin = 0
        while begin < SLOTS + 4:
            length = dice.randint(1, 12)
            window = TimeWindow(NOW + begin * SLOT, NOW + (begin + length) * SLOT)
            busy.append(Busy(gpu.gpu_id, window))
            begin += length + (dice.random() < 0.1)
    return Calendar(gpus, busy)
