from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow
from tests.strategies import MODEST, MONDAY, claims_on, gpu_sets

GRID = SlotGrid(timedelta(hours=2))
HOUR = timedelta(hours=1)


def hours(start: float, end: float) -> TimeWindow:
    return TimeWindow(MONDAY + start * HOUR, MONDAY + end * HOUR)


def really_free(gpu: GpuOnHost, busy: Sequence[Busy], window: TimeWindow) -> bool:
    """Look at every quarter of an hour of the window by itself."""
    instant = window.start
    while instant < window.end:
        if any(each.gpu_id == gpu.gpu_id and each.window.contains(instant) for each in busy):
            return False
        instant += HOUR / 4
    return True


@st.composite
def scenes(draw: st.DrawFn) -> tuple[tuple[GpuOnHost, ...], list[Busy], TimeWindow, int, bool]:
    gpus = draw(gpu_sets())
    start = draw(st.integers(0, 60)) / 2
    window = hours(start, start + draw(st.integers(1, 24)) / 2)
    return gpus, draw(claims_on(gpus)), window, draw(st.integers(1, 6)), draw(st.booleans())


Scene = tuple[tuple[GpuOnHost, ...], list[Busy], TimeWindow, int, bool]


@MODEST
@given(scenes())
def test_free_is_exactly_what_nobody_holds_at_any_instant(scene: Scene) -> None:
    gpus, busy, window, _, _ = scene
    free = Calendar(gpus, busy).free(window)
    assert free == tuple(gpu for gpu in gpus if really_free(gpu, busy, window))


@MODEST
@given(scenes())
def test_what_fits_never_overlaps_a_claim(scene: Scene) -> None:
    gpus, busy, window, count, one_host = scene
    calendar = Calendar(gpus, busy)
    chosen = choose_gpus(calendar.free(window), count, one_host=one_host)
    assert calendar.fits(count, window, one_host=one_host) == (chosen is not None)
    for gpu in chosen or ():
        assert really_free(gpu, busy, window)


@MODEST
@given(scenes(), st.integers(1, 4))
def test_nearest_windows_fit_lie_on_the_grid_and_come_in_order(scene: Scene, limit: int) -> None:
    gpus, busy, wanted, count, one_host = scene
    calendar = Calendar(gpus, busy)
    last_start = MONDAY + 72 * HOUR
    found = calendar.nearest_windows(
        count, wanted, grid=GRID, one_host=one_host, last_start=last_start, limit=limit
    )
    assert len(found) <= limit
    length = GRID.ceil(wanted.end) - GRID.floor(wanted.start)
    previous_end = wanted.start
    for each in found:
        assert each.gpu_count == count
        assert each.window.length == length
        assert GRID.floor(each.window.start) == each.window.start
        assert wanted.start < each.window.start <= last_start
        assert each.window.start >= previous_end, "in order, and none overlaps the one before"
        assert calendar.fits(count, each.window, one_host=one_host)
        previous_end = each.window.end
    enough = len(gpus) >= count and choose_gpus(gpus, count, one_host=one_host) is not None
    if enough:
        assert found, "everything is free in the end"
        earlier = GRID.floor(wanted.start) + GRID.slot
        while earlier < found[0].window.start:
            assert not calendar.fits(
                count, TimeWindow(earlier, earlier + length), one_host=one_host
            ), "the first that is offered is the first that fits"
            earlier += GRID.slot


@MODEST
@given(scenes())
def test_fewer_now_is_the_most_that_can_be_had_in_the_window_itself(scene: Scene) -> None:
    gpus, busy, window, _, one_host = scene
    calendar = Calendar(gpus, busy)
    fewer = calendar.fewer_now(window, one_host=one_host)
    if fewer is None:
        assert not calendar.free(window)
        return
    assert fewer.window == window
    assert calendar.fits(fewer.gpu_count, window, one_host=one_host)
    assert not calendar.fits(fewer.gpu_count + 1, window, one_host=one_host)


@MODEST
@given(scenes())
def test_only_forgets_all_other_gpus_and_nothing_of_these(scene: Scene) -> None:
    gpus, busy, window, _, _ = scene
    some = gpus[::2]
    narrowed = Calendar(gpus, busy).only(some)
    assert narrowed.gpus == some
    assert narrowed.free(window) == tuple(
        gpu for gpu in Calendar(gpus, busy).free(window) if gpu in some
    )


def test_a_window_that_begins_when_another_ends_is_free() -> None:
    gpu = GpuOnHost(1, 1, 0, "host1", "A100")
    calendar = Calendar([gpu], [Busy(1, hours(2, 4))])
    assert calendar.free(hours(4, 6)) == (gpu,)
    assert calendar.free(hours(0, 2)) == (gpu,)
    assert calendar.free(hours(3, 5)) == ()
