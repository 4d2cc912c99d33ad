from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.slot_grid import SlotGrid
from tests.strategies import MODEST, grids, instants, lengths, utc_instants

TWO_HOURS = SlotGrid(timedelta(hours=2))
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute)


@pytest.mark.parametrize("minutes", [0, -120, 7, 50, 1441, 2880])
def test_a_slot_divides_the_day(minutes: int) -> None:
    with pytest.raises(ValueError, match="divide the day"):
        SlotGrid(timedelta(minutes=minutes))


def test_a_naive_time_has_no_place_on_the_grid() -> None:
    with pytest.raises(ValueError, match="naive"):
        TWO_HOURS.floor(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


@MODEST
@given(grids, instants)
def test_floor_and_ceil_are_the_nearest_boundaries(grid: SlotGrid, instant: datetime) -> None:
    floor, ceil = grid.floor(instant), grid.ceil(instant)
    utc = instant.astimezone(UTC)
    assert floor <= utc < floor + grid.slot
    assert ceil - grid.slot < utc <= ceil
    for boundary in (floor, ceil):
        midnight = boundary.replace(hour=0, minute=0, second=0, microsecond=0)
        assert not (boundary - midnight) % grid.slot, "every day has the same slots"
        assert grid.floor(boundary) == grid.ceil(boundary) == boundary


@MODEST
@given(grids, instants, lengths, instants)
def test_cover_never_gives_less_than_was_asked(
    grid: SlotGrid, start: datetime, length: timedelta, now: datetime
) -> None:
    start, now = start.astimezone(UTC), now.astimezone(UTC)
    covered = grid.cover(start, length, now=now)
    assert covered.start >= min(now, covered.start)
    if start + length > now:
        assert covered.start <= max(start, now)
        assert covered.end >= start + length
        assert covered.length < length + 2 * grid.slot, "and not a slot too many on either side"
    else:
        assert covered.start == now, "what has passed altogether is taken as a wish for now"
        assert covered.length >= length


@MODEST
@given(grids, utc_instants, lengths, st.timedeltas(timedelta(-1), timedelta(days=3)))
def test_cover_lies_on_the_grid_but_for_a_start_in_the_slot_that_runs_now(
    grid: SlotGrid, now: datetime, length: timedelta, ahead: timedelta
) -> None:
    start = now + ahead
    covered = grid.cover(start, length, now=now)
    assert grid.floor(covered.end) == covered.end
    if grid.floor(start) > now:
        assert grid.floor(covered.start) == covered.start
    else:
        assert covered.start == max(start, now)


@MODEST
@given(grids, utc_instants, lengths, st.timedeltas(timedelta(), timedelta(days=3)), st.data())
def test_cover_of_a_covered_window_is_that_window(
    grid: SlotGrid, now: datetime, length: timedelta, ahead: timedelta, data: st.DataObject
) -> None:
    """What was offered is what a click books, even when the click comes a while later."""
    offered = grid.cover(now + ahead, length, now=now)
    assert grid.cover(offered.start, offered.length, now=now) == offered
    later = now + data.draw(st.timedeltas(timedelta(), timedelta(days=2)))
    assume(later < offered.end)
    clicked = grid.cover(offered.start, offered.length, now=later)
    assert clicked.end == offered.end
    assert clicked.start == max(offered.start, later)


@MODEST
@given(grids, instants, lengths, instants)
def test_the_grid_does_not_know_of_time_zones(
    grid: SlotGrid, start: datetime, length: timedelta, now: datetime
) -> None:
    in_utc = grid.cover(start.astimezone(UTC), length, now=now.astimezone(UTC))
    assert grid.cover(start, length, now=now) == in_utc
    assert grid.floor(start) == grid.floor(start.astimezone(UTC))
    assert grid.ceil(start) == grid.ceil(start.astimezone(UTC))


def test_the_night_when_the_clocks_go_back() -> None:
    paris = ZoneInfo("Europe/Paris")
    evening = datetime(2026, 10, 24, 20, tzinfo=paris)
    covered = TWO_HOURS.cover(evening, timedelta(hours=12), now=evening)
    assert covered.start == datetime(2026, 10, 24, 18, tzinfo=UTC)
    assert covered.length == timedelta(hours=12)
    repeated = datetime(2026, 10, 25, 2, tzinfo=paris)
    assert TWO_HOURS.ceil(repeated) == datetime(2026, 10, 25, 0, tzinfo=UTC)


def test_now_takes_the_rest_of_the_slot_as_its_first() -> None:
    covered = TWO_HOURS.cover(NOW, timedelta(hours=2), now=NOW)
    assert (covered.start, covered.end) == (NOW, at(16))


def test_later_in_the_slot_that_runs_now_stays_where_it_is() -> None:
    covered = TWO_HOURS.cover(at(13), timedelta(hours=2), now=NOW)
    assert (covered.start, covered.end) == (at(13), at(16))


def test_a_start_off_the_grid_goes_back_to_its_slot() -> None:
    covered = TWO_HOURS.cover(at(17), timedelta(hours=2), now=NOW)
    assert (covered.start, covered.end) == (at(16), at(20))


def test_a_start_a_moment_ago_begins_now_and_ends_as_asked() -> None:
    covered = TWO_HOURS.cover(at(18), timedelta(hours=4), now=at(18, 3))
    assert (covered.start, covered.end) == (at(18, 3), at(22))
