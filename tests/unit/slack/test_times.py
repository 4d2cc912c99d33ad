"""Wall clocks, also on the nights when they are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.slack.times import MomentReader, read_length, zone


def read(text: str, now: datetime, tz: str) -> datetime:
    found = MomentReader(now, ZoneInfo(tz)).read(text.split())
    assert found is not None
    assert found[1] == len(text.split())
    return found[0]


@pytest.mark.parametrize(
    ("text", "now", "tz", "instant"),
    [
        # Clocks go forward: 02:30 does not exist and moves to 03:30.
        ("02:30", "2026-03-28T20:00+00:00", "Europe/Paris", "2026-03-29T03:30+02:00"),
        ("02:30", "2026-03-08T03:00+00:00", "America/New_York", "2026-03-08T03:30-04:00"),
        # Clocks go back: 02:30 comes twice; the first, unless it is over.
        ("02:30", "2026-10-24T20:00+00:00", "Europe/Paris", "2026-10-25T02:30+02:00"),
        ("02:30", "2026-10-25T00:45+00:00", "Europe/Paris", "2026-10-25T02:30+01:00"),
        ("01:30", "2026-11-01T02:00+00:00", "America/New_York", "2026-11-01T01:30-04:00"),
        # The same wall clock on both sides of a change.
        ("tomorrow 18:00", "2026-10-24T10:00+00:00", "Europe/Paris", "2026-10-25T18:00+01:00"),
        ("tomorrow 18:00", "2026-03-28T10:00+00:00", "Europe/Paris", "2026-03-29T18:00+02:00"),
        # "tomorrow" is the writer's, not UTC's.
        ("tomorrow 09:00", "2026-11-23T16:00+00:00", "Asia/Tokyo", "2026-11-25T09:00+09:00"),
        ("tomorrow 09:00", "2026-11-24T03:00+00:00", "America/New_York", "2026-11-24T09:00-05:00"),
        ("wed 00:00", "2026-11-24T16:00+00:00", "Asia/Tokyo", "2026-12-02T00:00+09:00"),
        ("24:00", "2026-11-23T16:00+00:00", "Asia/Tokyo", "2026-11-25T00:00+09:00"),
        ("18:00", "2026-11-23T16:59:59+00:00", "Europe/Paris", "2026-11-23T18:00+01:00"),
        ("17:00", "2026-11-23T16:00:30+00:00", "Europe/Paris", "2026-11-23T17:00+01:00"),
        (
            "2026-10-25T02:30+01:00",
            "2026-10-01T00:00+00:00",
            "Asia/Tokyo",
            "2026-10-25T01:30+00:00",
        ),
    ],
)
def test_wall_clocks(text: str, now: str, tz: str, instant: str) -> None:
    expected = datetime.fromisoformat(instant)
    found = read(text, datetime.fromisoformat(now), tz)
    assert found == expected
    assert found.tzinfo is UTC


def test_a_length_across_a_clock_change_is_real_time() -> None:
    reader = MomentReader(datetime(2026, 10, 24, 10, tzinfo=UTC), ZoneInfo("Europe/Paris"))
    start = reader.read(["today", "20:00"])
    assert start is not None
    end = reader.read(["08:00"], after=start[0])
    assert end is not None
    assert end[0] - start[0] == timedelta(hours=13)


@pytest.mark.parametrize("text", ["1.5h", "1h30m", "90 min", "1 hour 30 minutes", "1h30"])
def test_the_same_length_in_many_ways(text: str) -> None:
    assert read_length(text.split()) == (timedelta(minutes=90), len(text.split()))


@pytest.mark.parametrize("text", ["h", "2", "2x", "-2h", "30m2h", "2h2h", "nan h", "1e9h"])
def test_no_lengths(text: str) -> None:
    assert read_length(text.split()) is None


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Atall", "../etc/passwd", "Europe", "\x00", "a" * 5000]
)
def test_an_unknown_zone_is_utc(name: str) -> None:
    assert zone(name).key == "UTC"
