"""Hypothesis strategies for the values of the domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from bot.domain.calendar import Busy
from bot.domain.holdings import GpuOnHost
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow

MODEST = settings(deadline=None, max_examples=100, derandomize=True, database=None)
"""Enough to find what is wrong, the same on every machine, and soon over."""

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
ZONES = tuple(
    ZoneInfo(name) for name in ("UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns")
)

_FIRST = MONDAY.replace(tzinfo=None) - timedelta(days=300)
_LAST = _FIRST + timedelta(days=700)

instants = st.datetimes(_FIRST, _LAST, timezones=st.sampled_from(ZONES))
utc_instants = st.datetimes(_FIRST, _LAST, timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(minutes=1), timedelta(days=8))
grids = st.sampled_from([1, 2, 15, 60, 120, 240, 1440]).map(
    lambda minutes: SlotGrid(timedelta(minutes=minutes))
)


@st.composite
def windows(draw: st.DrawFn) -> TimeWindow:
    start = draw(instants)
    return TimeWindow(start, start.astimezone(UTC) + draw(lengths))


@st.composite
def gpu_sets(draw: st.DrawFn) -> tuple[GpuOnHost, ...]:
    """GPUs on up to four hosts, numbered in no particular order."""
    sizes = draw(st.lists(st.integers(0, 5), max_size=4))
    places = [(host, index) for host, size in enumerate(sizes, 1) for index in range(size)]
    numbers = draw(st.permutations(range(1, len(places) + 1)))
    return tuple(
        GpuOnHost(number, host, index, f"host{host}", "A100")
        for number, (host, index) in zip(numbers, places, strict=True)
    )


@st.composite
def claims_on(draw: st.DrawFn, gpus: tuple[GpuOnHost, ...], hours: int = 48) -> list[Busy]:
    """Claims within the two days from `MONDAY`; they may well overlap each other."""
    if not gpus:
        return []
    spans = st.tuples(st.sampled_from(gpus), st.integers(0, hours), st.integers(1, 12))
    return [
        Busy(
            gpu.gpu_id,
            TimeWindow(MONDAY + timedelta(hours=start), MONDAY + timedelta(hours=start + length)),
        )
        for gpu, start, length in draw(st.lists(spans, max_size=20))
    ]
