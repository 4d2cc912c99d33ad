"""What recurs keeps its wall time, in every zone and over every change of clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.recurrence import (
    EVERY_DAY,
    WEEKDAYS,
    WORKING_DAYS,
    Recurrence,
    WallEnd,
    last_day_of,
    local_instant,
    next_start,
    occurrences,
    overlaps_itself,
    rule_words,
)
from tests.strategies import MODEST

H = timedelta(hours=1)
DAY = timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",  # at midnight
    "Africa/Casablanca",  # back and forth around Ramadan
    "Asia/Kolkata",
    "Pacific/Auckland",
)


def a_rule(
    days: frozenset[str] = EVERY_DAY,
    at: time = time(20),
    zone: str = "Europe/Paris",
    lasts: timedelta | WallEnd = 12 * H,
    starts_on: date = date(2026, 3, 1),
    ends_on: date | None = None,
) -> Recurrence:
    return Recurrence(days, at, zone, starts_on, lasts, ends_on)


times_of_day = st.times().map(lambda at: at.replace(second=0, microsecond=0))
day_sets = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(frozenset)
wall_ends = st.builds(WallEnd, st.integers(1, 6), times_of_day)
rules = st.builds(
    a_rule,
    day_sets,
    times_of_day,
    st.sampled_from(ZONES),
    st.timedeltas(2 * H, 7 * DAY) | wall_ends,
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)


def skipped(day: date, at: time, tz: ZoneInfo) -> bool:
    local = datetime.combine(day, at, tzinfo=tz)
    return local.astimezone(UTC).astimezone(tz).time() != at


@MODEST
@given(rules, st.integers(0, 40))
def test_wall_time_and_days_stay_whatever_the_clocks_do(rule: Recurrence, days: int) -> None:
    tz = ZoneInfo(rule.time_zone)
    first = datetime.combine(rule.starts_on, time(), tzinfo=tz)
    found = list(
        occurrences(rule, tz, first_start=first, last_start=first.astimezone(UTC) + days * DAY)
    )
    for each in found:
        local = each.window.start.astimezone(tz)
        assert WEEKDAYS[each.on_date.weekday()] in rule.weekdays
        if skipped(each.on_date, rule.at, tz):
            assert local.replace(tzinfo=None) > datetime.combine(each.on_date, rule.at)
        else:
            assert (local.date(), local.time(), local.fold) == (each.on_date, rule.at, 0)
        if isinstance(rule.lasts, WallEnd):
            end = each.window.end.astimezone(tz)
            end_day = each.on_date + rule.lasts.days_later * DAY
            if not skipped(end_day, rule.lasts.at, tz):
                assert (end.date(), end.time()) == (end_day, rule.lasts.at)
        else:
            assert each.window.length == rule.lasts
    starts = [each.window.start for each in found]
    assert starts == sorted(starts)
    assert len({each.on_date for each in found}) == len(found)
    wanted = [
        day
        for day in (rule.starts_on + number * DAY for number in range(days))
        if WEEKDAYS[day.weekday()] in rule.weekdays
    ]
    assert set(wanted[:-1]) <= {each.on_date for each in found}


@MODEST
@given(rules, st.integers(0, 500), st.integers(1, 500))
def test_looking_in_parts_finds_the_same_as_looking_at_once(
    rule: Recurrence, first_h: int, more_h: int
) -> None:
    tz = ZoneInfo(rule.time_zone)
    begin = datetime.combine(rule.starts_on, time(), tzinfo=UTC)
    middle, end = begin + first_h * H, begin + (first_h + more_h) * H
    tick = timedelta(microseconds=1)
    whole = list(occurrences(rule, tz, first_start=begin, last_start=end))
    parts = [
        *occurrences(rule, tz, first_start=begin, last_start=middle),
        *occurrences(rule, tz, first_start=middle + tick, last_start=end),
    ]
    assert parts == whole


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 28), 11), (date(2026, 10, 24), 13), (date(2026, 5, 4), 12)]
)
def test_an_end_by_the_clock_stretches_with_the_night(day: date, hours: int) -> None:
    window = a_rule(lasts=WallEnd(1, time(8))).on(day, PARIS)
    assert window is not None
    assert window.length == hours * H
    by_length = a_rule().on(day, PARIS)
    assert by_length is not None
    assert by_length.length == 12 * H


def test_a_skipped_time_moves_forward_and_a_repeated_one_is_the_first() -> None:
    assert local_instant(date(2026, 3, 29), time(2, 30), PARIS).astimezone(PARIS).time() == time(
        3, 30
    )
    twice = local_instant(date(2026, 10, 25), time(2, 30), PARIS)
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_end_in_the_hour_that_is_skipped_leaves_nothing() -> None:
    rule = a_rule(at=time(3, 10), lasts=WallEnd(0, time(3, 20)))
    assert rule.on(date(2026, 3, 29), PARIS) is not None
    odd = a_rule(at=time(2, 50), lasts=WallEnd(0, time(3, 10)))
    assert odd.on(date(2026, 3, 29), PARIS) is None
    first = datetime(2026, 3, 28, 12, tzinfo=UTC)
    days = [
        o.on_date.day
        for o in occurrences(odd, PARIS, first_start=first, last_start=first + 3 * DAY)
    ]
    assert days == [30, 31]


def test_six_times_end_on_the_day_of_the_sixth() -> None:
    rule = a_rule(frozenset({"mon", "wed", "fri"}))
    assert last_day_of(rule, 6, first=date(2026, 11, 23)) == date(2026, 12, 4)
    with pytest.raises(ValueError, match="number of times"):
        last_day_of(rule, 0, first=date(2026, 11, 23))
    with pytest.raises(ValueError, match="fewer than"):
        last_day_of(a_rule(ends_on=date(2026, 3, 2)), 6, first=date(2026, 3, 1))


def test_the_next_start_even_when_the_rule_begins_in_years() -> None:
    now = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert next_start(a_rule(), PARIS, after=now) == datetime(2026, 11, 23, 19, tzinfo=UTC)
    late = next_start(a_rule(starts_on=date(2031, 5, 1)), PARIS, after=now)
    assert late == datetime(2031, 5, 1, 18, tzinfo=UTC)
    assert next_start(a_rule(ends_on=date(2026, 11, 22)), PARIS, after=now) is None


def test_how_people_say_it() -> None:
    assert rule_words(a_rule()) == "every day 20:00"
    assert rule_words(a_rule(WORKING_DAYS)) == "every weekday 20:00"
    assert rule_words(a_rule(frozenset({"fri", "mon"}), time(9, 5))) == "every mon, fri 09:05"
    assert rule_words(a_rule(frozenset({"sat", "sun"}))) == "every weekend day 20:00"


def test_whether_it_runs_into_itself() -> None:
    friday = frozenset({"fri"})
    assert not overlaps_itself(a_rule(lasts=24 * H))
    assert overlaps_itself(a_rule(lasts=25 * H))
    assert not overlaps_itself(a_rule(friday, lasts=WallEnd(3, time(8))))
    assert overlaps_itself(a_rule(frozenset({"fri", "sun"}), lasts=WallEnd(3, time(8))))
    assert not overlaps_itself(a_rule(friday, lasts=7 * DAY))


@pytest.mark.parametrize(
    "fields",
    [{"days": frozenset()}, {"days": frozenset({"day"})}, {"lasts": 0 * H},
     {"lasts": WallEnd(0, time(20))}],
)  # fmt: skip
def test_a_rule_without_days_or_length_is_none(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"days|length|ends"):
        a_rule(**fields)  # type: ignore[arg-type] # wrong on purpose
