"""Who comes first, and who stands before whom."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.time_window import TimeWindow
from bot.domain.waiting import Waiter, ahead_of, by_turn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def waiter(
    wait_id: int, team_id: int = 1, hours_ago: float = 0, start_h: float | None = 6
) -> Waiter:
    window = (
        None if start_h is None else TimeWindow(NOW + start_h * HOUR, NOW + (start_h + 2) * HOUR)
    )
    return Waiter(wait_id, team_id, f"U{wait_id}", NOW - hours_ago * HOUR, window)


def test_least_use_first_then_longest_wait() -> None:
    waiters = [
        waiter(1, team_id=1, hours_ago=9),
        waiter(2, team_id=2),
        waiter(3, team_id=2, hours_ago=1),
    ]
    assert [one.wait_id for one in by_turn(waiters, {1: 40.0})] == [3, 2, 1]
    assert [one.wait_id for one in by_turn(waiters, {})] == [1, 3, 2]


def test_only_those_after_the_same_time_are_ahead() -> None:
    waiters = [
        waiter(1, start_h=6),
        waiter(2, start_h=8),
        waiter(3, start_h=None),
        waiter(4, start_h=7),
    ]
    assert [one.wait_id for one in ahead_of(4, waiters)] == [1, 2, 3]
    assert [one.wait_id for one in ahead_of(2, waiters)] == []
    with pytest.raises(KeyError):
        ahead_of(9, waiters)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50)), max_size=12))
def test_the_order_is_total_and_does_not_depend_on_how_they_are_listed(
    drawn: list[tuple[int, int]],
) -> None:
    waiters = [waiter(i, team, ago) for i, (team, ago) in enumerate(drawn)]
    use = {1: 3.0, 2: 0.0}
    assert by_turn(waiters, use) == by_turn(waiters[::-1], use)
