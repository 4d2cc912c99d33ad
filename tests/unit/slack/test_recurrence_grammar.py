"""Series in one line: what is understood, what is refused with the reason, what is asked back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BerthError, UnreadableRequest
from bot.domain.priority import Priority
from bot.domain.recurrence import EVERY_DAY, WEEKDAYS, WEEKEND, WORKING_DAYS, WallEnd
from bot.domain.run_spec import TrainingSpec
from bot.slack.blocks.help import SERIES_EXAMPLE
from bot.slack.recurrence_grammar import SeriesWish, parse_series
from tests.strategies import MODEST

H = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
"""A Monday, 13:30 in Paris."""
TODAY = date(2026, 11, 23)
PARIS = ZoneInfo("Europe/Paris")
DEFAULTS = TrainingSpec("tiny.yaml", "shapes.yaml")
MWF = frozenset({"mon", "wed", "fri"})
FRIDAY = frozenset({"fri"})


def read(text: str) -> SeriesWish:
    wish = parse_series(text, now=NOW, tz=PARIS, run_defaults=DEFAULTS)
    assert wish is not None
    return wish


DAYS_AND_TIMES = [
    ("2 every weekday 20:00 12h", WORKING_DAYS, time(20), 12 * H),
    ("every day 9am for 4 hours", EVERY_DAY, time(9), 4 * H),
    ("every mon,wed,fri 18:00 8h", MWF, time(18), 8 * H),
    ("every mon, wed and fri at 18:00 8h", MWF, time(18), 8 * H),
    ("every Mondays, Wednesdays, Fridays 18:00 8h", MWF, time(18), 8 * H),
    ("every mon-fri 18:00 8h", WORKING_DAYS, time(18), 8 * H),
    ("every fri-mon 18:00 8h", frozenset({"fri", "sat", "sun", "mon"}), time(18), 8 * H),
    ("every weekend noon 8h", WEEKEND, time(12), 8 * H),
    ("20:00 every friday 12h", FRIDAY, time(20), 12 * H),
    ("every friday 2 gpus 8h 20:00", FRIDAY, time(20), 8 * H),
    ("every weekday 20:00-08:00", WORKING_DAYS, time(20), WallEnd(1, time(8))),
    ("every weekday from 20:00 to 8:00", WORKING_DAYS, time(20), WallEnd(1, time(8))),
    ("every weekday 9:00 until 17:00", WORKING_DAYS, time(9), WallEnd(0, time(17))),
    ("every friday 20:00 until mon 8am", FRIDAY, time(20), WallEnd(3, time(8))),
    ("every friday midnight 4h", frozenset({"sat"}), time(0), 4 * H),
    ("every day 20:00 until midnight", EVERY_DAY, time(20), WallEnd(1, time(0))),
]


@pytest.mark.parametrize(("text", "days", "at", "lasts"), DAYS_AND_TIMES)
def test_days_time_and_length(
    text: str, days: frozenset[str], at: time, lasts: timedelta | WallEnd
) -> None:
    wish = read(text)
    assert (wish.rule.weekdays, wish.rule.at, wish.rule.lasts) == (days, at, lasts)
    assert wish.rule.time_zone == "Europe/Paris"
    assert wish.doubts == ()


ENDS = [
    ("every day 9:00 4h until 2026-12-31", TODAY, date(2026, 12, 31)),
    ("every day 9:00 4h until 24 dec", TODAY, date(2026, 12, 24)),
    ("every mon,wed,fri 18:00 8h 6 times", TODAY, date(2026, 12, 4)),
    ("every day 12:00 4h 3 times", TODAY, date(2026, 11, 26)),
    ("every day 9:00 4h for 2 weeks", TODAY, date(2026, 12, 6)),
    ("every day 9:00 4h starting 2026-12-01", date(2026, 12, 1), None),
    ("every fri 9:00 4h starting 2026-12-01 2 times", date(2026, 12, 4), date(2026, 12, 11)),
    ("every weekday 20:00 12h", TODAY, None),
    ("every day 9:00 until 17:00 until 2026-12-31", TODAY, date(2026, 12, 31)),
]


@pytest.mark.parametrize(("text", "starts_on", "ends_on"), ENDS)
def test_when_it_begins_and_ends(text: str, starts_on: date, ends_on: date | None) -> None:
    rule = read(text).rule
    assert (rule.starts_on, rule.ends_on) == (starts_on, ends_on)


def test_all_the_rest_is_read_as_for_a_single_booking() -> None:
    request = read('3 every weekday 20:00 12h p1 protected yolov8l "until fri, every time"').request
    assert (request.gpu_count, request.priority, request.preemptible) == (3, Priority.P1, False)
    assert request.run is not None
    assert request.run.model == "yolov8l"
    assert request.note == "until fri, every time"
    assert request.start is None
    named = read("gpu3,gpu4@host2 every day 9:00 4h night run").request
    assert named.gpu_names == ("gpu3", "gpu4@host2")
    assert named.note == "night run"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("every day 9:00 4h until friday", "“friday” is taken as the last day"),
        ("every day 9:00 30h", "beyond the start of the next"),
    ],
)
def test_what_could_be_meant_otherwise_is_asked_back(text: str, says: str) -> None:
    (doubt,) = read(text).doubts
    assert says in doubt


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("every 2 weeks 9:00 4h", "days such as"),
        ("every", "days such as"),
        ("every day 4h", "a time of day"),
        ("every day now 4h", "a time of day"),
        ("every day 9:00", "a length such as"),
        ("every day 9:00 until 2026-12-31", "a length such as"),
        ("every mon,fri 20:00 until sun 8am", "a length such as"),
        ("every day 9:00 4h until 2026-01-01", "after its start"),
        ("every day 9:00 4h 6 times until 2026-12-31", "one end of the series"),
        ("every day 9:00 4h 0 times", "1 to 1000 times"),
        ("every day 9:00 4h 2h", "one length"),
    ],
)
def test_what_cannot_be_read_says_what_is_needed(text: str, wanted: str) -> None:
    with pytest.raises(UnreadableRequest) as refusal:
        read(text)
    assert wanted in refusal.value.wanted


@pytest.mark.parametrize(
    "text", ["2 tomorrow 18:00 8h", "2 tomorrow 18:00 8h every run counts", '1 now 2h "every day"']
)
def test_a_single_booking_is_left_alone(text: str) -> None:
    assert parse_series(text, now=NOW, tz=PARIS, run_defaults=DEFAULTS) is None


WORDS = "every day weekday mon,wed fri 20:00 9am 8h until to 6 times 2026-12-31 starting for weeks"


def test_the_example_of_the_help_can_be_read() -> None:
    wish = read(SERIES_EXAMPLE.removeprefix("/gpu reserve "))
    assert (wish.rule.weekdays, wish.doubts) == (WORKING_DAYS, ())


PIECES = st.sampled_from([*WORDS.split(), "midnight", "2", "gpu3", "p1", "now", '"', "-", "and"])


@MODEST
@given(st.lists(PIECES | st.text(max_size=8), max_size=12))
def test_whatever_is_written_is_read_or_refused_in_words(pieces: list[str]) -> None:
    try:
        wish = parse_series(" ".join(pieces), now=NOW, tz=PARIS, run_defaults=DEFAULTS)
    except BerthError:
        return
    if wish is not None:
        assert wish.rule.ends_on is None or wish.rule.ends_on >= wish.rule.starts_on


@MODEST
@given(
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(2, 20),
    st.integers(1, 50),
)
def test_what_is_written_out_is_read_back(
    days: set[str], hour: int, minute: int, hours: int, times: int
) -> None:
    wish = read(f"4 every {','.join(sorted(days))} {hour:02}:{minute:02} {hours}h {times} times")
    rule = wish.rule
    assert rule.weekdays == days
    assert (rule.at, rule.lasts) == (time(hour, minute), hours * H)
    assert wish.request.gpu_count == 4
    assert rule.ends_on is not None
    begun = rule.starts_on == TODAY and (hour, minute) < (13, 30)
    first = TODAY + timedelta(days=1) if begun else TODAY
    assert len(list(rule.days_from(first))) == times
