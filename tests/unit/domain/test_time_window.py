from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from bot.domain.time_window import TimeWindow, require_aware
from tests.strategies import MODEST, MONDAY, instants, windows

HOUR = timedelta(hours=1)
PARIS = ZoneInfo("Europe/Paris")


def hours(start: float, end: float) -> TimeWindow:
    return TimeWindow(MONDAY + start * HOUR, MONDAY + end * HOUR)


def test_refuses_a_naive_time_and_an_empty_or_reversed_window() -> None:
    with pytest.raises(ValueError, match="naive time"):
        require_aware(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match="naive time"):
        TimeWindow(datetime(2026, 1, 1), MONDAY)  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match="naive time"):
        TimeWindow(MONDAY, datetime(2026, 12, 1))  # noqa: DTZ001 - naive on purpose
    for start, end in ((1, 1), (2, 1)):
        with pytest.raises(ValueError, match="empty window"):
            hours(start, end)


def test_is_half_open() -> None:
    window = hours(2, 4)
    assert window.contains(MONDAY + 2 * HOUR)
    assert not window.contains(MONDAY + 4 * HOUR)
    assert not window.overlaps(hours(4, 6)), "windows that touch share no instant"
    assert not window.overlaps(hours(0, 2))
    assert window.overlaps(hours(3, 5))
    assert window.overlaps(hours(1, 9))
    assert window.overlaps(hours(2.5, 3))


@MODEST
@given(windows(), windows())
def test_overlap_is_the_same_both_ways_and_means_a_common_instant(
    one: TimeWindow, other: TimeWindow
) -> None:
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)
    assert one.overlaps(other) == (max(one.start, other.start) < min(one.end, other.end))


@MODEST
@given(windows(), instants)
def test_a_moved_window_keeps_its_length(window: TimeWindow, start: datetime) -> None:
    moved = window.starting_at(start)
    assert moved.start == start.astimezone(UTC)
    assert moved.length == window.length


def test_a_night_when_the_clocks_move_is_as_long_as_it_is() -> None:
    autumn = TimeWindow(
        datetime(2026, 10, 24, 20, tzinfo=PARIS), datetime(2026, 10, 25, 8, tzinfo=PARIS)
    )
    assert autumn.length == 13 * HOUR
    spring = TimeWindow(
        datetime(2026, 3, 28, 20, tzinfo=PARIS), datetime(2026, 3, 29, 8, tzinfo=PARIS)
    )
    assert spring.length == 11 * HOUR
    assert spring.start.tzinfo is UTC


def test_the_repeated_hour_of_autumn_is_a_window_of_its_own() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)
    assert TimeWindow(first, first.replace(fold=1)).length == HOUR
