"""Two windows for one training: together as long as the wish, and sooner than any single one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alternatives import Wanted
from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import Alternative, AlternativeKind, GpuOnHost
from bot.domain.slot_grid import SlotGrid
from bot.domain.splitting import split_in_two
from bot.domain.time_window import TimeWindow
from tests.strategies import MONDAY

SLOT = timedelta(hours=2)
GRID = SlotGrid(SLOT)
LAST_START = MONDAY + 60 * SLOT


def gpus(hosts: int, each: int) -> list[GpuOnHost]:
    return [
        GpuOnHost(10 * host + index, host, index, f"host{host}", "A100")
        for host in range(1, hosts + 1)
        for index in range(each)
    ]


def slots(first: int, last: int) -> TimeWindow:
    return TimeWindow(MONDAY + first * SLOT, MONDAY + last * SLOT)


def split(
    calendar: Calendar,
    *,
    first: int = 0,
    length: int = 4,
    one_host: bool = True,
    count: int = 1,
    done_by: int | None = None,
) -> Alternative | None:
    window = slots(first, first + length)
    wanted = Wanted(count, window, window, one_host, calendar, False)
    by = None if done_by is None else MONDAY + done_by * SLOT
    return split_in_two(wanted, grid=GRID, last_start=LAST_START, done_by=by)


def test_the_first_part_is_at_the_wish_and_the_second_is_the_rest() -> None:
    calendar = Calendar(gpus(1, 1), [Busy(10, slots(1, 3))])
    found = split(calendar)
    assert found is not None
    assert (found.window, found.second) == (slots(0, 1), slots(3, 6))
    assert found.kind is AlternativeKind.SPLIT


def test_the_first_part_is_as_long_as_it_can_be() -> None:
    calendar = Calendar(gpus(1, 1), [Busy(10, slots(3, 4))])
    found = split(calendar)
    assert found is not None
    assert (found.window, found.second) == (slots(0, 3), slots(4, 5))


def test_where_nothing_is_free_at_the_wish_it_begins_in_the_nearest_free_slots() -> None:
    calendar = Calendar(gpus(1, 1), [Busy(10, slots(0, 2)), Busy(10, slots(4, 5))])
    found = split(calendar)
    assert found is not None
    assert (found.window, found.second) == (slots(2, 4), slots(5, 7))


def test_the_second_part_may_be_on_another_host_right_after_the_first() -> None:
    calendar = Calendar(gpus(2, 1), [Busy(10, slots(2, 9)), Busy(20, slots(0, 2))])
    found = split(calendar)
    assert found is not None
    assert (found.window, found.second) == (slots(0, 2), slots(2, 4))


@pytest.mark.parametrize("done_by", [5, 6])
def test_no_split_where_a_single_window_is_over_as_soon(done_by: int) -> None:
    calendar = Calendar(gpus(1, 1), [Busy(10, slots(1, 3))])
    assert split(calendar, done_by=done_by) is None
    assert split(calendar, done_by=7) is not None


def test_no_split_without_a_training_nor_of_a_single_slot() -> None:
    calendar = Calendar(gpus(1, 1), [Busy(10, slots(1, 3))])
    assert split(calendar, one_host=False) is None
    assert split(calendar, length=1) is None


@settings(max_examples=200)
@given(
    busy=st.lists(
        st.tuples(st.sampled_from([10, 11, 20, 21]), st.integers(0, 20), st.integers(1, 5)),
        max_size=12,
    ),
    length=st.integers(1, 6),
    count=st.integers(1, 2),
    minutes_late=st.integers(0, 119),
)
def test_both_parts_are_free_in_order_and_long_enough(
    busy: list[tuple[int, int, int]], length: int, count: int, minutes_late: int
) -> None:
    taken = [Busy(gpu, slots(first, first + many)) for gpu, first, many in busy]
    calendar = Calendar(gpus(2, 2), taken)
    whole = slots(0, length)
    start = MONDAY + timedelta(minutes=minutes_late)
    wanted = Wanted(count, TimeWindow(start, whole.end), whole, True, calendar, False)
    found = split_in_two(wanted, grid=GRID, last_start=LAST_START, done_by=None)
    if found is None:
        return
    assert found.second is not None
    assert found.window.end <= found.second.start
    assert min(found.window.length, found.second.length) >= SLOT
    assert found.window.length + found.second.length >= whole.length
    for part in (found.window, found.second):
        assert calendar.fits(count, part, one_host=True)
