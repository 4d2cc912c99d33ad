"""Incidents open late, close later, and do not flap, whatever the readings do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.incidents import (
    EVENTS,
    IncidentKind,
    IncidentPolicy,
    IncidentState,
    Signal,
    Threshold,
    Watch,
    incident_policy,
    new_event,
    step,
    worst_of,
)

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
POLICY = IncidentPolicy()
HOT = IncidentKind.TOO_HOT
SIGNALS = st.sampled_from(Signal)
READINGS = st.lists(st.tuples(SIGNALS, st.integers(1, 40)), max_size=400)
"""What a device says, and how many seconds after the reading before."""

Course = list[tuple[datetime, Signal, Watch | None]]


def follow(readings: list[tuple[Signal, int]], kind: IncidentKind = HOT) -> Course:
    now, watch, course = T0, None, []
    for signal, after_s in readings:
        now += timedelta(seconds=after_s)
        watch = step(watch, kind, signal, now, POLICY)
        course.append((now, signal, watch))
    return course


def is_open(watch: Watch | None) -> bool:
    return watch is not None and watch.state.is_open


def steady(signal: Signal, seconds: int) -> list[tuple[Signal, int]]:
    return [(signal, 5)] * (seconds // 5)


@given(READINGS)
def test_nothing_opens_unless_it_was_bad_all_the_time_before(
    readings: list[tuple[Signal, int]],
) -> None:
    course = follow(readings)
    for number, (now, _, watch) in enumerate(course):
        if is_open(watch) and (number == 0 or not is_open(course[number - 1][2])):
            since = now - POLICY.opens_after
            told = [each for each in course[:number] if each[1] is not Signal.UNKNOWN]
            during = [each for each in told if each[0] >= since]
            before = [each for each in told if each[0] <= since]
            assert all(signal is Signal.BAD for _, signal, _ in during)
            assert [each[1] for each in before[-1:]] == [Signal.BAD], "and before that"


@given(READINGS)
def test_nothing_resolves_unless_it_was_fine_for_long_enough(
    readings: list[tuple[Signal, int]],
) -> None:
    course = follow(readings)
    for number in range(1, len(course)):
        now, _, watch = course[number]
        before = course[number - 1][2]
        if before is not None and is_open(before) and not is_open(watch):
            calm_since = now - POLICY.resolves(HOT, before.times)
            during = [signal for at, signal, _ in course[: number + 1] if at >= calm_since]
            assert set(during) <= {Signal.FINE, Signal.UNKNOWN}


@given(READINGS)
def test_it_opens_at_most_a_few_times_however_it_swings(
    readings: list[tuple[Signal, int]],
) -> None:
    course = follow(readings)
    opened = [
        now
        for number, (now, _, watch) in enumerate(course)
        if is_open(watch) and (number == 0 or not is_open(course[number - 1][2]))
    ]
    for number in range(1, len(opened)):
        calm = POLICY.resolves_after * 2 ** min(number - 1, 6)
        assert opened[number] - opened[number - 1] >= calm + POLICY.opens_after


def test_a_whole_day_of_the_worst_swing_is_told_at_most_ten_times() -> None:
    swing: list[tuple[Signal, int]] = []
    watch, now, opened = None, T0, 0
    for _ in range(24 * 720):  # the worst opponent: bad until it opens, fine until it resolves
        signal = Signal.FINE if is_open(watch) else Signal.BAD
        now += timedelta(seconds=5)
        before, watch = watch, step(watch, HOT, signal, now, POLICY)
        opened += is_open(watch) and not is_open(before)
        swing.append((signal, 5))
    assert 5 < opened <= 12


@given(READINGS)
def test_silence_changes_nothing(readings: list[tuple[Signal, int]]) -> None:
    for now, _, watch in follow(readings):
        later = now + timedelta(days=1)
        assert step(watch, HOT, Signal.UNKNOWN, later, POLICY) == watch


def test_a_swing_around_the_threshold_is_one_incident() -> None:
    swing = [(Signal.BAD, 5), (Signal.BETWEEN, 5), (Signal.FINE, 5)] * 50
    course = follow(steady(Signal.BAD, 60) + swing)
    assert is_open(course[-1][2])
    assert course[-1][2] is not None
    assert course[-1][2].times == 1


def test_what_comes_back_counts_on_and_needs_longer() -> None:
    bad, fine = steady(Signal.BAD, 40), steady(Signal.FINE, 150)
    first = follow(bad + fine)[-1][2]
    assert first is not None
    assert first.state is IncidentState.RESOLVED
    again = follow(bad + fine + bad + fine)[-1][2]
    assert again is not None
    assert (again.state, again.times) == (IncidentState.CLEARING, 2)


def test_a_pause_in_the_readings_counts_for_neither() -> None:
    far = [(Signal.BAD, 5), (Signal.BAD, 600)]
    assert not is_open(follow(far)[-1][2])
    calm = [*steady(Signal.BAD, 60), (Signal.FINE, 5), (Signal.FINE, 600)]
    assert is_open(follow(calm)[-1][2])


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_an_error_that_happens_once_opens_at_once_and_is_over_when_it_is_quiet(
    kind: IncidentKind,
) -> None:
    course = follow([(Signal.BAD, 5), *steady(Signal.FINE, 3600 - 10)], kind)
    assert is_open(course[0][2])
    assert is_open(course[-1][2])
    assert not is_open(follow([(Signal.BAD, 5), *steady(Signal.FINE, 3700)], kind)[-1][2])


@given(st.floats(0, 100))
def test_thresholds_know_which_side_is_bad(value: float) -> None:
    high, low = Threshold(90, 80), Threshold(5, 10)
    assert (high.judge(value) is Signal.BAD) == (value >= 90)
    assert (high.judge(value) is Signal.FINE) == (value <= 80)
    assert (low.judge(value) is Signal.BAD) == (value <= 5)
    assert (low.judge(value) is Signal.FINE) == (value >= 10)
    assert high.judge(None) is Signal.UNKNOWN


def test_an_operator_moves_a_threshold_with_its_distance() -> None:
    moved = incident_policy(80, 90, 10, 20)
    assert moved.hot_c == Threshold(80, 74)
    assert moved.gpu_memory_percent == Threshold(90, 87)
    assert moved.host_memory_available_percent == Threshold(10, 14)
    assert moved.disk_free_percent == Threshold(20, 23)


def test_a_code_is_news_when_it_differs_and_a_count_when_it_grows() -> None:
    xid, ecc = IncidentKind.XID, IncidentKind.ECC
    assert new_event(xid, 79, None) is Signal.BAD
    assert new_event(xid, 79, 79) is Signal.FINE
    assert new_event(xid, None, 79) is Signal.FINE
    assert new_event(ecc, 0, None) is Signal.FINE
    assert new_event(ecc, 3, 2) is Signal.BAD
    assert new_event(ecc, 1, 2) is Signal.FINE, "the driver was loaded anew"


def test_the_worst_of_little_is_the_least() -> None:
    assert worst_of(IncidentKind.TOO_HOT, 90, 88) == 90
    assert worst_of(IncidentKind.DISK_NEARLY_FULL, 5, 3) == 3
    assert worst_of(IncidentKind.XID, 31, 79) == 79
