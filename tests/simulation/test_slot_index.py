"""The index answers as the domain's calendar and placement do."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import Busy, Calendar
from bot.domain.placement import choose_gpus
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow
from bot.simulation.slot_index import Site, SlotIndex
from tests.strategies import MODEST, MONDAY

SLOT = timedelta(hours=2)
SLOTS, LONGEST = 24, 8


@st.composite
def sites(draw: st.DrawFn) -> tuple[Site, SlotIndex, Calendar]:
    site = Site(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))
    index = SlotIndex(site, SLOTS + LONGEST)
    gpus = [gpu for host in site.hosts for gpu in host]
    busy = []
    for gpu in gpus:
        for _ in range(draw(st.integers(0, 3))):
            first = draw(st.integers(0, SLOTS))
            end = first + draw(st.integers(1, LONGEST))
            busy.append(Busy(gpu.gpu_id, window(first, end)))
            index.take(site.bits_of([gpu]), first, end)
    return site, index, Calendar(gpus, busy)


def window(first: int, end: int) -> TimeWindow:
    return TimeWindow(MONDAY + first * SLOT, MONDAY + end * SLOT)


@MODEST
@given(sites(), st.integers(0, SLOTS), st.integers(1, LONGEST), st.integers(1, 14))
def test_the_same_gpus_are_free_and_the_same_ones_are_chosen(
    scene: tuple[Site, SlotIndex, Calendar], first: int, length: int, count: int
) -> None:
    site, index, calendar = scene
    masks = index.free(first, first + length)
    free = calendar.free(window(first, first + length))
    found = [gpu for host in range(len(site.hosts)) for gpu in site.of_mask(host, int(masks[host]))]
    assert found == list(free)
    wanted = choose_gpus(free, count, one_host=count <= site.widest)
    assert site.choose(masks, count) == wanted


@MODEST
@given(sites(), st.integers(0, SLOTS - 2), st.integers(1, LONGEST), st.integers(1, 14))
def test_the_same_window_is_the_nearest(
    scene: tuple[Site, SlotIndex, Calendar], now: int, length: int, count: int
) -> None:
    site, index, calendar = scene
    nearest = calendar.nearest_windows(
        count,
        window(now, now + length),
        grid=SlotGrid(SLOT),
        one_host=count <= site.widest,
        last_start=MONDAY + SLOTS * SLOT,
        limit=1,
    )
    start = index.nearest(count, now + 1, length, SLOTS)
    assert [one.window.start for one in nearest] == (
        [] if start is None else [MONDAY + start * SLOT]
    )


@MODEST
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_what_is_given_back_is_free_again(sizes: list[int], data: st.DataObject) -> None:
    site = Site(sizes)
    index = SlotIndex(site, SLOTS)
    gpus = data.draw(st.sets(st.sampled_from([gpu for host in site.hosts for gpu in host])))
    index.take(site.bits_of(gpus), 3, 7)
    index.give(site.bits_of(gpus), 4, 6)
    assert (index.free(4, 6) == site.every).all()
    assert (index.free(3, 5) == index.free(6, 8)).all()
