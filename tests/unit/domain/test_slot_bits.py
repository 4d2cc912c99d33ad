"""Slots as bits say the same as a look at every window."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.slot_bits import free_starts, occupied
from bot.domain.time_window import TimeWindow
from tests.strategies import MODEST, MONDAY

SLOT = timedelta(hours=2)
SLOTS = 24
SPANS = st.lists(st.tuples(st.integers(-600, 3000), st.integers(1, 900)), max_size=8)


@MODEST
@given(SPANS, st.integers(1, 12))
def test_a_start_is_free_where_no_window_touches_its_slots(
    spans: list[tuple[int, int]], length: int
) -> None:
    minute = timedelta(minutes=1)
    windows = [
        TimeWindow(MONDAY + start * minute, MONDAY + (start + lasts) * minute)
        for start, lasts in spans
    ]
    taken = occupied(windows, origin=MONDAY, slot=SLOT, slots=SLOTS)
    starts = free_starts(taken, length=length, slots=SLOTS)
    for number in range(SLOTS):
        begin = MONDAY + number * SLOT
        wanted = TimeWindow(begin, begin + length * SLOT)
        fits = number + length <= SLOTS and not any(each.overlaps(wanted) for each in windows)
        assert bool(starts >> number & 1) == fits
