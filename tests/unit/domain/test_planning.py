"""Windows for a training: they fit, they are in time, and the fewest people are asked."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import Busy, Calendar
from bot.domain.forecast import Span
from bot.domain.holdings import GpuOnHost, Holding
from bot.domain.pace import PaceEstimate, PaceKey
from bot.domain.planning import (
    Meets,
    PlanRequest,
    Search,
    TypeOption,
    best_windows,
    fewest_to_ask,
    latest_safe,
    needed_length,
    planned_windows,
    window_by,
)
from bot.domain.run_spec import TrainingSpec
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow
from tests.strategies import MODEST, MONDAY

HOUR = timedelta(hours=1)
GRID = SlotGrid(2 * HOUR)
NOW = MONDAY + 12.5 * HOUR
LEAD = timedelta(seconds=150)
KEY = PaceKey("detect", "yolo11m", "coco.yaml", 640, 16, "A100", 1)
RUN = TrainingSpec(model="yolo11m", data="coco.yaml", epochs=100)
GPUS = tuple(
    GpuOnHost(host * 2 + index + 1, host, index, f"host{host}", "A100")
    for host in range(2)
    for index in range(2)
)

lengths = st.builds(
    lambda likely, low, high: Span(likely * low * HOUR, likely * HOUR, likely * high * HOUR),
    st.floats(0.1, 40),
    st.floats(0.5, 1),
    st.floats(1, 2.5),
)
claims = st.lists(
    st.builds(
        lambda gpu, start, slots: Busy(
            gpu, TimeWindow(MONDAY + start * 2 * HOUR, MONDAY + (start + slots) * 2 * HOUR)
        ),
        st.integers(1, 4),
        st.integers(0, 40),
        st.integers(1, 12),
    ),
    max_size=12,
)


def search_of(busy: list[Busy]) -> Search:
    return Search(Calendar(GPUS, busy), GRID, NOW, NOW + timedelta(days=5), LEAD, timedelta(days=7))


def option_of(length: Span) -> TypeOption:
    estimate = PaceEstimate(90, 100, 120, timedelta(minutes=1), 3, KEY)
    return TypeOption("A100", estimate, length)


@MODEST
@given(lengths, claims, st.integers(1, 3), st.none() | st.floats(1, 150))
def test_every_window_is_free_long_enough_and_judged_by_its_range(
    length: Span, busy: list[Busy], count: int, by: float | None
) -> None:
    search = search_of(busy)
    deadline = None if by is None else NOW + by * HOUR
    request = PlanRequest(RUN, count, deadline=deadline)
    found = list(planned_windows(search, option_of(length), request, "A100"))
    for planned in found:
        assert planned.window.start >= NOW
        assert search.calendar.fits(count, planned.window, one_host=True)
        assert planned.window.length >= needed_length(length, LEAD)
        assert planned.request().length >= GRID.slot
        assert planned.low_at <= planned.likely_at <= planned.high_at
        if planned.meets is Meets.SURELY and deadline is not None:
            assert planned.high_at <= deadline
        assert planned.request().run == RUN
    assert count <= 2 or not found, "no host has three"
    starts = [planned.window.start for planned in found]
    assert starts == sorted(set(starts))
    latest = latest_safe(found, deadline)
    if latest is not None and deadline is not None:
        assert latest.high_at <= deadline
        later = [each for each in found if each.window.start > latest.window.start]
        assert all(each.high_at > deadline for each in later)


@MODEST
@given(lengths, claims, st.floats(1, 150))
def test_what_is_shown_is_the_best_and_does_not_overlap(
    length: Span, busy: list[Busy], by: float
) -> None:
    deadline = NOW + by * HOUR
    request = PlanRequest(RUN, 1, deadline=deadline)
    found = list(planned_windows(search_of(busy), option_of(length), request, "A100"))
    shown = best_windows(found, deadline)
    assert bool(shown) == bool(found)
    if not found:
        return
    meeting = [each for each in found if each.meets is not Meets.NO]
    if not meeting:
        assert len(shown) == 1
    assert shown[0].likely_at == min(
        each.likely_at
        for each in ([one for one in meeting if one.meets is Meets.SURELY] or meeting or found)
    )
    for one in shown:
        assert not any(one.window.overlaps(two.window) for two in shown if two is not one)


@MODEST
@given(lengths, st.floats(0, 150))
def test_the_window_by_a_deadline_is_in_time_and_no_later_one_is(length: Span, by: float) -> None:
    deadline = NOW + by * HOUR
    window = window_by(search_of([]), length, deadline)
    if window is None:
        return
    assert window.start + length.high <= deadline
    assert window.start >= NOW
    assert GRID.floor(window.start) + GRID.slot + length.high > deadline


def held(number: int, gpus: set[int]) -> tuple[Holding, frozenset[int]]:
    window = TimeWindow(MONDAY + 12 * HOUR, MONDAY + 24 * HOUR)
    return Holding(number, f"U{number}", "x", "t", len(gpus), window), frozenset(gpus)


def test_the_fewest_are_asked() -> None:
    pairs = [held(1, {1, 2}), held(2, {3}), held(3, {4})]
    busy = [Busy(gpu, one.window) for one, gpus in pairs for gpu in gpus]
    calendar = Calendar(GPUS, busy)
    holdings = [one for one, _ in pairs]
    gpus_of = {one.reservation_id: gpus for one, gpus in pairs}
    window = TimeWindow(MONDAY + 14 * HOUR, MONDAY + 20 * HOUR)
    asked = fewest_to_ask(calendar, holdings, gpus_of, 2, window)
    assert [one.reservation_id for one in asked] == [1]
    assert len(fewest_to_ask(calendar, holdings, gpus_of, 1, window)) == 1
    assert fewest_to_ask(calendar, holdings, gpus_of, 3, window) == ()


def test_who_holds_a_gpu_one_after_the_other_must_all_be_asked() -> None:
    first, second = held(1, {1}), held(2, {1})
    calendar = Calendar(GPUS[:1], [Busy(1, first[0].window)])
    window = TimeWindow(MONDAY + 14 * HOUR, MONDAY + 20 * HOUR)
    gpus_of = {1: first[1], 2: second[1]}
    asked = fewest_to_ask(calendar, [first[0], second[0]], gpus_of, 1, window)
    assert {one.reservation_id for one in asked} == {1, 2}
