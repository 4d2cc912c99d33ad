"""What can be meant in two ways is noticed; what cannot, is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from bot.domain.run_spec import TrainingSpec
from bot.domain.views import BookingForm
from bot.sandbox.block_kit_rules import message_problems
from bot.slack.blocks.understood import state_of, understood_card
from bot.slack.command_text import format_reserve_command
from bot.slack.doubts import DoubtKind, Understood
from bot.slack.grammar import parse_reserve, read_reserve
from tests.unit.slack.test_grammar import ZONES, requests

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday, noon in Paris."""
DEFAULTS = TrainingSpec(model="yolo11n.pt", data="coco8.yaml")
H = timedelta(hours=1)


def read(text: str) -> Understood:
    return read_reserve(text, now=NOW, tz=PARIS, run_defaults=DEFAULTS)


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "kind", "start", "other"),
    [
        ("2 friday 8 4h", DoubtKind.HOUR, at(27, 8), at(27, 20)),
        ("2 friday at 8 4h", DoubtKind.HOUR, at(27, 8), at(27, 20)),
        ("2 friday 18 4h", DoubtKind.HOUR, at(27, 18), None),
        ("2 today 8 4h", DoubtKind.HOUR, at(23, 20), at(23, 8)),
        ("2 24.11. 9 4h", DoubtKind.HOUR, at(24, 9), at(24, 21)),
        ("2 next fri 18:00 4h", DoubtKind.NEXT, at(27, 18), datetime(2026, 12, 4, 17, tzinfo=UTC)),
        ("2 mon 20:00 4h", DoubtKind.WEEKDAY, at(23, 20), at(30, 20)),
        ("2 mon 09:00 4h", DoubtKind.WEEKDAY, at(30, 9), None),
        ("2 8:00 4h", DoubtKind.PASSED, at(24, 8), at(23, 20)),
        ("2 9am 4h", DoubtKind.PASSED, at(24, 9), None),
    ],
)
def test_what_is_doubtful(
    text: str, kind: DoubtKind, start: datetime, other: datetime | None
) -> None:
    understood = read(text)
    assert [doubt.kind for doubt in understood.doubts] == [kind]
    assert (understood.request.start, understood.request.length) == (start, 4 * H)
    assert [one.start for one in understood.others] == ([other] if other else [])
    assert understood.request.gpu_count == 2


@pytest.mark.parametrize(
    "text",
    [
        "2 friday 8:00 4h",
        "2 fri 8am 4h",
        "2 now 4h",
        "2 18:00 4h",
        "2 18:00 until 9am",
        "2 tomorrow 18:00 until 9:00",
        "2 next mon 20:00 4h",
        "2 this fri 18:00 4h",
        "2 18:00 dec 24 4h",
        "2 18:00 - 20:00 tomorrow",
        "2 in 3 days 18:00 4h",
        "2 2026-12-01 18:00 4h",
        "2 midnight 2h",
    ],
)
def test_what_is_clear(text: str) -> None:
    assert read(text).doubts == ()


def test_the_end_of_a_window_can_be_doubtful_too() -> None:
    understood = read("2 now until fri 9")
    assert [doubt.kind for doubt in understood.doubts] == [DoubtKind.HOUR]
    assert understood.request.length == at(27, 9) - NOW
    assert [one.length for one in understood.others] == [at(27, 21) - NOW]


def test_the_other_start_keeps_the_end_that_was_written() -> None:
    understood = read("2 friday 8 until sat 9am")
    assert [one.length for one in understood.others] == [13 * H]


@settings(max_examples=200, deadline=None)
@given(requests(), ZONES)
def test_what_is_printed_as_a_command_is_never_doubtful(request: object, zone_name: str) -> None:
    tz = ZoneInfo(zone_name)
    printed = format_reserve_command(request, tz)  # type: ignore[arg-type] # pytest owns the name
    rest = printed.removeprefix("/gpu reserve ")
    found = read_reserve(rest, now=NOW, tz=tz, run_defaults=DEFAULTS)
    assert found == Understood(request)  # type: ignore[arg-type] # as above


@pytest.mark.parametrize(
    "text", ["2 friday 8 4h", "gpu1 friday 8 4h p1", "4xA100 mon 9am 3h train"]
)
def test_the_question_is_a_message_that_slack_takes_and_the_form_holds_what_it_says(
    text: str,
) -> None:
    understood = read(text)
    card = understood_card(understood, NOW, PARIS)
    assert message_problems(list(card.blocks)) == []
    form = BookingForm(NOW, 2 * H, 168 * H, 8, 4, DEFAULTS)
    state = state_of(understood.request, form)
    assert (state.gpus, state.start) == (
        str(understood.request.gpu_count),
        understood.request.start,
    )
    assert state.length is not None
    assert not state.length % form.slot
    assert state.length >= understood.request.length


def test_parse_reserve_takes_the_first_meaning() -> None:
    request = parse_reserve("2 friday 8 4h", now=NOW, tz=PARIS, run_defaults=DEFAULTS)
    assert request.start == at(27, 8)
