"""What is shown of series keeps Slack's rules, and comes back from buttons and the form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import UnreadableRequest
from bot.domain.holdings import Holding
from bot.domain.recurrence import EVERY_DAY, WEEKDAYS, WORKING_DAYS, Missed, Recurrence, WallEnd
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import BookingForm
from bot.sandbox.block_kit_rules import message_problems, view_problems
from bot.slack.blocks.booking_modal import FormState, booking_modal, read_state
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.blocks.series import (
    cancelled_card,
    confirm_card,
    created_card,
    dismissed_card,
    series_list_card,
    skipped_words,
)
from bot.slack.carried_series import series_from_value, series_to_value
from bot.slack.recurrence_grammar import SeriesWish
from bot.slack.repeat_choice import CHOICES, ONCE, rule_of_choice
from tests.fakes.sample_views import a_reservation
from tests.strategies import MODEST

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
H = timedelta(hours=1)
NASTY = "<!channel> `*_~ @here <@U0EVE> " + "🎉" * 300
WINDOW = TimeWindow(NOW, NOW + 12 * H)
RULE = Recurrence(WORKING_DAYS, time(20), "Europe/Paris", date(2026, 11, 23), 12 * H)
WEEKEND_RULE = replace(
    RULE, weekdays=frozenset({"fri"}), lasts=WallEnd(3, time(8)), ends_on=date(2026, 12, 31)
)
RUN = TrainingSpec("yolov8l.pt", "coco128.yaml", epochs=100)
REQUEST = ReserveRequest(12 * H, gpu_count=2, run=RUN, note=NASTY)
HOLDING = Holding(12, "U0BOB", NASTY, NASTY, 3, WINDOW)
MISSED = tuple(
    Missed(date(2026, 11, 23), WINDOW, code, held)
    for code, held in [("window_taken", (HOLDING,) * 9), ("cancelled", ()), ("over_quota", ())]
)
OCCURRENCE = replace(a_reservation(), series_id=3, series_words="every weekday 20:00")
RUNNING = replace(OCCURRENCE, state=ReservationState.ACTIVE)
VIEW = SeriesView(
    3, "U0ALICE", "Alice", RULE, REQUEST, True, (RUNNING, OCCURRENCE) * 20, MISSED * 9
)
EMPTY = replace(VIEW, rule=WEEKEND_RULE, upcoming=(), missed=())
WISH = SeriesWish(RULE, REQUEST, ("“friday” is taken as the last day.", NASTY))
ASKED = confirm_card(WISH)
CARDS = {
    "created": created_card(VIEW, PARIS),
    "created, named": created_card(
        replace(EMPTY, request=ReserveRequest(H, gpu_names=("g",))), UTC
    ),
    "cancelled": cancelled_card(VIEW, NASTY),
    "dismissed": dismissed_card(),
    "none": series_list_card([], PARIS),
    "many": series_list_card([VIEW, EMPTY] * 20, PARIS, notice=skipped_words(12)),
    **({"asked": ASKED} if ASKED else {}),
}


def texts_of(value: Any) -> Iterator[str]:
    """Yield all that is shown; what a button carries is not."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            elif key != "value":
                yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)


@pytest.mark.parametrize("name", CARDS)
def test_messages_keep_slacks_rules(name: str) -> None:
    card = CARDS[name]
    assert message_problems(list(card.blocks)) == []
    assert card.text
    assert "<!channel>" not in card.text + "".join(texts_of(list(card.blocks)))
    assert len(card.text) <= 1000


def test_a_card_says_which_series_it_is_of() -> None:
    assert "every weekday 20:00 (S3)" in str(reservation_card(OCCURRENCE, NOW).blocks)
    assert "(S" not in str(reservation_card(a_reservation(), NOW).blocks)


def test_the_question_names_rule_zone_and_last_day() -> None:
    card = confirm_card(SeriesWish(WEEKEND_RULE, REQUEST, ("why",)))
    assert card is not None
    assert "every fri 20:00 until 08:00 3 days later (Europe/Paris)" in card.text
    assert "last on Thu 31 Dec 2026" in card.text


rules = st.builds(
    Recurrence,
    st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(frozenset),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires"]),
    st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    st.integers(1, 168).map(lambda hours: hours * H)
    | st.integers(1, 6).map(lambda days: WallEnd(days, time(8))),
    st.none() | st.dates(date(2027, 1, 2), date(2028, 1, 1)),
)


@MODEST
@given(rules, st.text(max_size=300))
def test_a_series_comes_back_from_its_button(rule: Recurrence, note: str) -> None:
    request = ReserveRequest(12 * H, gpu_count=2, run=RUN, note=note)
    value = series_to_value(rule, request)
    assert value is not None
    assert len(value) <= 2000
    back = series_from_value(value, request_key="k")
    assert back[0] == rule
    assert back[1] in (
        replace(request, request_key="k"),
        replace(request, request_key="k", note=""),
    )


@pytest.mark.parametrize("value", ["", "{}", "[]", "1", '{"r":{},"q":"{}"}', "R12"])
def test_a_button_of_another_release_is_told(value: str) -> None:
    with pytest.raises(UnreadableRequest):
        series_from_value(value, request_key=None)


def test_names_of_hundreds_of_gpus_do_not_fit_into_a_button() -> None:
    many = tuple(f"gpu{number}@a-host-with-a-long-name" for number in range(200))
    assert series_to_value(RULE, ReserveRequest(H, gpu_names=many)) is None
    assert confirm_card(SeriesWish(RULE, ReserveRequest(H, gpu_names=many))) is None


def test_the_choices_of_the_form() -> None:
    start = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)  # a Friday, 23:30 in Paris
    found = {
        choice: rule_of_choice(choice, start=start, length=8 * H, tz=PARIS) for choice in CHOICES
    }
    assert found[ONCE] is None
    for choice, days in (("day", EVERY_DAY), ("weekday", WORKING_DAYS), ("weekly", {"fri"})):
        rule = found[choice]
        assert rule is not None
        assert (rule.weekdays, rule.at, rule.lasts) == (days, time(23, 30), 8 * H)
        assert (rule.time_zone, rule.starts_on) == ("Europe/Paris", date(2026, 11, 27))


@pytest.mark.parametrize("choice", CHOICES)
def test_the_form_keeps_the_choice(choice: str) -> None:
    form = BookingForm(NOW, 2 * H, 168 * H, 8, 4, RUN)
    view = booking_modal(form, FormState(start=NOW, length=2 * H, repeat=choice), "{}")
    assert view_problems(view, {"modal"}, set()) == []
    (element,) = [one["element"] for one in view["blocks"] if one.get("block_id") == "repeat"]
    assert element["initial_option"]["value"] == choice
    chosen = {"repeat": {"repeat": {"selected_option": element["initial_option"]}}}
    assert read_state({"state": {"values": chosen}}).repeat == choice
    assert read_state({}).repeat == ONCE
