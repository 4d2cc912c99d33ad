"""The range of a forecast: what always holds, and how often it is right."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.forecast import Outlook, forecast_left, may_end_at, outlook
from bot.domain.progress import progress_of_attempts
from bot.domain.slot_grid import SlotGrid
from tests.strategies import MODEST

ZERO = timedelta()
SECONDS = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=40)


@MODEST
@given(st.integers(-3, 10_000), SECONDS)
def test_never_negative_and_the_range_contains_the_point(to_go: int, seconds: list[float]) -> None:
    left = forecast_left(to_go, seconds, 10_000)
    assert ZERO <= left.low <= left.likely <= left.high


@MODEST
@given(st.integers(0, 5_000), st.integers(0, 5_000), SECONDS)
def test_more_epochs_left_never_take_less(one: int, other: int, seconds: list[float]) -> None:
    fewer, more = sorted((one, other))
    first, second = (forecast_left(each, seconds, 5_000) for each in (fewer, more))
    assert first.likely <= second.likely
    assert first.low <= second.low
    assert first.high <= second.high


@MODEST
@given(st.integers(1, 1000), st.floats(0.01, 1e5), st.integers(1, 30))
def test_constant_epochs_are_forecast_exactly(to_go: int, each: float, seen: int) -> None:
    left = forecast_left(to_go, [each] * seen, 1000)
    assert left.likely.total_seconds() == pytest.approx(each * to_go, rel=1e-9, abs=1e-5)


def test_the_range_narrows_as_the_run_goes_on() -> None:
    widths = []
    for done in (2, 5, 10, 25, 50, 90):
        left = forecast_left(100 - done, [60.0] * done, 100)
        widths.append((left.high - left.low) / timedelta(hours=1))
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 10


def test_an_epoch_that_sticks_out_moves_the_upper_end_alone() -> None:
    calm = forecast_left(50, [10.0] * 10, 100)
    shaken = forecast_left(50, [10.0] * 9 + [40.0], 100)
    assert shaken.likely == calm.likely
    assert shaken.low == calm.low
    assert shaken.high > calm.high


def test_nothing_is_forecast_from_nothing() -> None:
    with pytest.raises(ValueError, match="no epoch"):
        forecast_left(3, [], 3)


def test_the_first_epoch_of_each_attempt_is_left_out() -> None:
    progress = progress_of_attempts(10, [[90.0, 10.0, 10.0], [80.0, 10.0]], 4)
    assert progress.epoch == 4, "one epoch was done twice"
    assert progress.left == timedelta(seconds=60)
    assert progress.judged_by == 3


def test_an_attempt_on_other_gpus_is_soon_judged_by_itself() -> None:
    before = [90.0, *[10.0] * 20]
    young = progress_of_attempts(100, [before, [80.0, 30.0, 30.0]], 24)
    assert young.left == timedelta(seconds=76 * 10), "two epochs are not enough"
    older = progress_of_attempts(100, [before, [80.0, 30.0, 30.0, 30.0]], 25)
    assert older.left == timedelta(seconds=75 * 30)


def simulated_run(rng: random.Random) -> list[float]:
    """A run of 40 to 150 epochs: its noise, its drift and its mishaps are stated here.

    Noise of single epochs: log-normal, 2 to 10 %.  The level drifts as a random walk that adds up
    to about 5 % over the run.  One epoch in fifty takes 1.3 to 2.5 times as long.
    """
    epochs = rng.randint(40, 150)
    noise, level = rng.uniform(0.02, 0.10), rng.uniform(20, 900)
    step = 0.05 / epochs**0.5
    seconds = []
    for number in range(epochs):
        level *= 1 + rng.gauss(0, step)
        each = level * rng.lognormvariate(0, noise)
        if rng.random() < 0.02:
            each *= rng.uniform(1.3, 2.5)
        seconds.append(each * (rng.uniform(1.2, 3) if number == 0 else 1))
    return seconds


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_four_of_five_runs_end_within_the_range(share: float) -> None:
    rng = random.Random(20261123)
    hits, errors = 0, []
    for _ in range(200):
        seconds = simulated_run(rng)
        done = max(2, int(len(seconds) * share))
        progress = progress_of_attempts(len(seconds), [seconds[:done]], done)
        truth = timedelta(seconds=sum(seconds[done:]))
        span = progress.range_left
        assert span is not None
        hits += span.low <= truth <= span.high
        errors.append(abs(span.likely - truth) / truth)
    assert 0.75 <= hits / 200 <= 0.90, hits
    assert sorted(errors)[100] < 0.06


LATE = timedelta(minutes=40)


def test_a_late_end_is_told_once_and_again_only_when_it_is_much_worse() -> None:
    spread = timedelta(minutes=10)
    assert outlook(LATE, spread, 2, None) is Outlook.NOTHING, "too early to judge"
    assert outlook(timedelta(minutes=4), spread, 9, None) is Outlook.NOTHING
    assert outlook(LATE, spread, 9, None) is Outlook.LATE
    told = LATE
    assert outlook(LATE + timedelta(minutes=29), spread, 9, told) is Outlook.NOTHING
    assert outlook(LATE + timedelta(minutes=30), spread, 9, told) is Outlook.LATE
    assert outlook(timedelta(minutes=-5), spread, 9, told) is Outlook.NOTHING
    assert outlook(timedelta(minutes=-10), spread, 9, told) is Outlook.IN_TIME_AGAIN


@MODEST
@given(st.integers(-600, 600), st.integers(0, 120))
def test_what_was_told_is_not_told_again_at_once(late_min: int, spread_min: int) -> None:
    late_by, spread = timedelta(minutes=late_min), timedelta(minutes=spread_min)
    if outlook(late_by, spread, 9, None) is Outlook.LATE:
        assert outlook(late_by, spread, 9, late_by) is Outlook.NOTHING


def test_a_run_that_is_early_could_give_back_whole_slots_only() -> None:
    grid, noon = SlotGrid(timedelta(hours=2)), datetime(2026, 11, 23, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert may_end_at(noon + hour, noon + 6 * hour, grid) == noon + 2 * hour
    assert may_end_at(noon + 3 * hour, noon + 6 * hour, grid) == noon + 4 * hour
    assert may_end_at(noon + 5 * hour, noon + 6 * hour, grid) is None
    assert may_end_at(noon + hour, noon + 3 * hour, grid) is None, "half a slot is no slot"
