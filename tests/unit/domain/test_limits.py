from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.limits import (
    Quota,
    Rule,
    RuleKind,
    Wish,
    gpu_hours,
    iso_week,
    judge_quota,
    judge_wish,
    may_approve,
    most_at_once,
    rules_from_json,
    rules_from_texts,
    rules_to_json,
    rules_to_texts,
    weeks_of,
)
from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.time_window import TimeWindow
from tests.strategies import MODEST, MONDAY, utc_instants, windows

HOUR = timedelta(hours=1)


def hour_window(start: int, length: int) -> TimeWindow:
    return TimeWindow(MONDAY + start * HOUR, MONDAY + (start + length) * HOUR)


hour_windows = st.builds(hour_window, st.integers(-200, 400), st.integers(1, 60))


def hours_of(window: TimeWindow) -> set[datetime]:
    count = int(window.length / HOUR)
    return {window.start + number * HOUR for number in range(count)}


@MODEST
@given(st.lists(hour_windows, max_size=8), hour_windows)
def test_the_most_at_once_is_that_of_the_busiest_hour(
    held: list[TimeWindow], within: TimeWindow
) -> None:
    by_hour = [sum(hour in hours_of(one) for one in held) for hour in hours_of(within)]
    assert most_at_once(held, within) == max(by_hour)


@MODEST
@given(st.lists(hour_windows, max_size=8), hour_windows)
def test_gpu_hours_are_those_within(held: list[TimeWindow], within: TimeWindow) -> None:
    expected = sum(len(hours_of(one) & hours_of(within)) for one in held)
    assert gpu_hours(held, within) == expected


@MODEST
@given(utc_instants)
def test_a_week_is_the_iso_week_from_monday_midnight(instant: datetime) -> None:
    week = iso_week(instant)
    assert week.contains(instant)
    assert (week.start.weekday(), week.start.hour, week.start.minute) == (0, 0, 0)
    assert week.length == timedelta(days=7)
    assert week.start.isocalendar()[:2] == instant.isocalendar()[:2]


@MODEST
@given(windows())
def test_the_weeks_of_a_window_cover_it_without_a_gap(window: TimeWindow) -> None:
    weeks = list(weeks_of(window))
    assert weeks[0].contains(window.start)
    assert weeks[-1].start < window.end <= weeks[-1].end
    assert all(one.end == two.start for one, two in pairwise(weeks))


def test_windows_that_touch_do_not_add_up() -> None:
    held = [hour_window(0, 2), hour_window(2, 2), hour_window(4, 2)]
    assert most_at_once(held, hour_window(0, 6)) == 1


def test_exactly_the_quota_is_within_it() -> None:
    held = [hour_window(0, 4)] * 3
    quota = Quota(gpus_at_once=4, gpu_hours_per_week=16)
    assert judge_quota(quota, held, Wish(hour_window(0, 4), 1, Priority.P2)) == ()
    more = judge_quota(quota, held, Wish(hour_window(0, 4), 2, Priority.P2))
    assert more == (
        Rule(RuleKind.GPUS_AT_ONCE, 5, 4),
        Rule(RuleKind.GPU_HOURS, 20, 16, MONDAY),
    )
    assert judge_quota(Quota(), held, Wish(hour_window(0, 100), 99, Priority.P0)) == ()


def test_a_quota_of_nothing_is_a_quota() -> None:
    broken = judge_quota(Quota(0, 0), [], Wish(hour_window(0, 1), 1, Priority.P2))
    assert [rule.kind for rule in broken] == [RuleKind.GPUS_AT_ONCE, RuleKind.GPU_HOURS]


def test_p0_and_what_is_very_long_break_a_rule_by_themselves() -> None:
    day = timedelta(hours=24)
    assert judge_wish(Wish(hour_window(0, 24), 8, Priority.P1), day) == ()
    assert judge_wish(Wish(hour_window(0, 26), 1, Priority.P0), day) == (
        Rule(RuleKind.PRIORITY),
        Rule(RuleKind.LENGTH, 26, 24),
    )


rules = st.builds(
    Rule,
    st.sampled_from(RuleKind),
    st.floats(0, 1e6, allow_nan=False),
    st.floats(0, 1e6, allow_nan=False),
    st.none() | utc_instants,
)


@MODEST
@given(st.lists(rules, max_size=4).map(tuple))
def test_rules_survive_being_kept(written: tuple[Rule, ...]) -> None:
    assert rules_from_json(rules_to_json(written)) == written
    assert rules_from_texts(rules_to_texts(written)) == written


def test_what_a_newer_release_wrote_is_left_out() -> None:
    newer = {"kind": "weekend", "comes_to": 1, "limit": 0, "week": None}
    assert rules_from_json({"v": 2, "rules": [newer]}) == ()
    assert rules_from_json({}) == ()
    assert rules_from_texts(["🎉", "{}", "[]", "7"]) == ()


@pytest.mark.parametrize(
    ("role", "own_team", "allowed"),
    [
        (Role.MEMBER, True, False),
        (Role.VIEWER, True, False),
        (Role.LEAD, True, True),
        (Role.LEAD, False, False),
        (Role.ADMIN, False, True),
    ],
)
def test_who_may_approve(role: Role, own_team: bool, allowed: bool) -> None:
    member = Member(1, "U1", "Ann", 7, "vision", role, "UTC")
    assert may_approve(member, 7 if own_team else 8) is allowed


def test_the_first_monday_is_a_monday() -> None:
    assert iso_week(datetime(2026, 1, 1, tzinfo=UTC)).start == datetime(2025, 12, 29, tzinfo=UTC)
