"""How far a late run may go over, for every lateness and every neighbour."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.overrun import LateRun, NextInLine, OverrunRules, end_to_go_on_to, latest_end
from bot.domain.time_window import TimeWindow
from tests.strategies import MODEST, MONDAY

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BOOKED = TimeWindow(MONDAY, MONDAY + 8 * HOUR)
END = BOOKED.end
RULES = OverrunRules(0.10, 15 * MINUTE, 2 * MINUTE)
ALLOWANCE = 48 * MINUTE
minutes = st.integers(-5, 90).map(lambda count: count * MINUTE + timedelta(seconds=7))


def late(likely: timedelta, high: timedelta, *, ends_at: datetime = END) -> LateRun:
    return LateRun(BOOKED, ends_at, END + likely, END + high)


def test_a_run_that_will_be_done_within_the_allowance_gets_what_it_needs() -> None:
    assert end_to_go_on_to(late(9 * MINUTE, 12 * MINUTE), [], RULES) == END + 14 * MINUTE
    assert end_to_go_on_to(late(30 * MINUTE, 70 * MINUTE), [], RULES) == END + ALLOWANCE


def test_a_run_that_would_not_be_done_anyway_stops_on_time() -> None:
    assert end_to_go_on_to(late(47 * MINUTE, 60 * MINUTE), [], RULES) is None
    off = OverrunRules(0.0, 15 * MINUTE, 2 * MINUTE)
    assert end_to_go_on_to(late(MINUTE, MINUTE), [], off) is None


def test_who_is_next_waits_a_quarter_of_an_hour_at_most_and_some_never() -> None:
    patient, not_patient = NextInLine(END, may_wait=True), NextInLine(END, may_wait=False)
    assert end_to_go_on_to(late(9 * MINUTE, 12 * MINUTE), [patient], RULES) == END + 14 * MINUTE
    assert end_to_go_on_to(late(12 * MINUTE, 20 * MINUTE), [patient], RULES) == END + 15 * MINUTE
    assert end_to_go_on_to(late(14 * MINUTE, 20 * MINUTE), [patient], RULES) is None
    assert end_to_go_on_to(late(9 * MINUTE, 12 * MINUTE), [not_patient], RULES) is None


def test_nobody_waits_for_a_run_of_which_nothing_is_known() -> None:
    unknown = LateRun(BOOKED, END)
    assert end_to_go_on_to(unknown, [], RULES) == END + ALLOWANCE
    assert end_to_go_on_to(LateRun(BOOKED, END + 9 * MINUTE), [], RULES) is None, "only once"
    assert end_to_go_on_to(unknown, [NextInLine(END, may_wait=True)], RULES) is None
    later = NextInLine(END + 20 * MINUTE, may_wait=True)
    assert end_to_go_on_to(unknown, [later], RULES) == END + 20 * MINUTE


@MODEST
@given(
    minutes,
    minutes,
    st.integers(0, 48),
    st.lists(st.builds(NextInLine, minutes.map(lambda each: END + abs(each)), st.booleans())),
)
def test_no_end_is_beyond_what_anybody_may_be_asked_for(
    likely: timedelta, more: timedelta, over: int, following: list[NextInLine]
) -> None:
    run = late(likely, likely + abs(more), ends_at=END + over * MINUTE)
    end = end_to_go_on_to(run, following, RULES)
    if end is None:
        return
    assert run.ends_at < end <= latest_end(BOOKED, RULES.fraction)
    assert run.likely_at is not None
    assert run.likely_at + RULES.stop_lead <= end, "it is let go on only if it will be done"
    for each in following:
        assert end <= each.starts_at + (RULES.longest_wait if each.may_wait else timedelta())
