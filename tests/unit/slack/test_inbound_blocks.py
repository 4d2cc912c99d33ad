"""Forms, lists and the home tab: Slack takes them, and they come back as they were filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.models.blocks import Block as SdkBlock
from slack_sdk.models.views import View

from bot.domain import errors
from bot.domain.holdings import GpuOnHost, Holding
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.domain.views import BookingForm, GpuStatus, HostStatus, Status
from bot.sandbox.block_kit_rules import message_problems, view_problems
from bot.sandbox.client_values import state_from_values
from bot.sandbox.input_state import full_state
from bot.slack.blocks.booking_modal import (
    FormState,
    booking_modal,
    fields_of_error,
    form_with_notice,
    initial_state,
    lengths_of,
    message_modal,
    read_state,
    request_from_state,
    waiting_modal,
)
from bot.slack.blocks.card import Card
from bot.slack.blocks.confirmation import booked_card, cancelled_card
from bot.slack.blocks.help import help_card
from bot.slack.blocks.home import home_view, with_notice
from bot.slack.blocks.mine import mine_card
from bot.slack.blocks.refusal import problem_card, refusal_card
from bot.slack.blocks.reservation_card import give_up_button
from bot.slack.blocks.status import short_status_card, status_card
from tests.fakes.sample_views import a_reservation, a_run, some_gpus

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
H = timedelta(hours=1)
FORM = BookingForm(NOW, 2 * H, 168 * H, 8, 4, TrainingSpec("yolo11n", "coco8.yaml", epochs=3))
NASTY = "<!channel> `*_~ @here <@U0EVE> " + "🎉" * 3000


def a_status(hosts: int = 2, gpus: int = 8) -> Status:
    held = Holding(12, "U0BOB", NASTY, NASTY, 3, TimeWindow(NOW - H, NOW + H))
    later = Holding(13, "", "carol", "nlp", 3, TimeWindow(NOW + H, NOW + 3 * H))
    made = [
        HostStatus(
            number,
            f"host{number}",
            number != 1,
            False,
            NOW - H,
            tuple(
                GpuStatus(
                    GpuOnHost(index, number, index, f"host{number}", "A100"),
                    held if index % 3 == 1 else None,
                    later if index % 2 else None,
                )
                for index in range(gpus)
            ),
        )
        for number in range(hosts)
    ]
    return Status(NOW, tuple(made))


RESERVATIONS = [
    a_reservation(),
    a_reservation(run=a_run(RunState.WAITING, epoch=0)),
    a_reservation(ReservationState.ACTIVE, run=a_run(), note=NASTY),
    a_reservation(ReservationState.ACTIVE, gpus=some_gpus(1)),
    a_reservation(ReservationState.RELEASING, run=a_run(RunState.STOPPING)),
]
REQUEST = ReserveRequest(length=2 * H, start=NOW, note=NASTY)
CARDS: dict[str, Card] = {
    "status": status_card(a_status(), PARIS),
    "status of many": status_card(a_status(80, 16), PARIS),
    "status of none": status_card(Status(NOW, ()), PARIS),
    "short": short_status_card(a_status()),
    "status with the timeline": status_card(a_status(), PARIS, "https://berth.example/timeline"),
    "short of none": short_status_card(Status(NOW, ())),
    "mine": mine_card(RESERVATIONS, PARIS),
    "mine, many": mine_card(RESERVATIONS * 20, PARIS),
    "mine, none": mine_card([], PARIS),
    "help": help_card(),
    "problem": problem_card("0f0f"),
    **{
        f"booked {number}": booked_card(view, REQUEST, PARIS, 2 * H)
        for number, view in enumerate(RESERVATIONS)
    },
    **{f"cancelled {number}": cancelled_card(view) for number, view in enumerate(RESERVATIONS)},
}
FULL = FormState(
    gpus="3",
    start_now=True,
    start=NOW,
    length=4 * H,
    priority=Priority.P1,
    train=True,
    run_fields={"model": "yolov8l", "data": "a.yaml", "epochs": "5", "imgsz": "64", "batch": "2"},
    note="n",
)
MODALS: dict[str, dict[str, Any]] = {
    "untouched": booking_modal(FORM, initial_state(FORM), "{}"),
    "full": booking_modal(FORM, FULL, "{}"),
    "nonsense": booking_modal(FORM, FormState(gpus="x", note="y" * 900), "{}"),
    "one GPU": booking_modal(replace(FORM, gpu_count=1), initial_state(FORM), "{}"),
    "no GPU": booking_modal(replace(FORM, gpu_count=0), initial_state(FORM), "{}"),
    "tiny slots": booking_modal(replace(FORM, slot=timedelta(seconds=20)), FULL, "{}"),
    "waiting": waiting_modal("…", "{}"),
    "message": message_modal("Booked", CARDS["booked 0"], "{}"),
    "refused": booking_modal(
        FORM, FULL, "{}", refusal_card(errors.TooShort(H, 2 * H), PARIS, REQUEST)
    ),
}


@pytest.mark.parametrize("name", CARDS)
def test_messages_keep_slacks_rules(name: str) -> None:
    card = CARDS[name]
    blocks = list(card.blocks)
    assert message_problems(blocks) == []
    assert [SdkBlock.parse(block).to_dict() for block in blocks] == blocks  # type: ignore[union-attr] # None fails the test too
    assert card.text
    assert "<!channel>" not in card.text + str(blocks)


@pytest.mark.parametrize("name", MODALS)
def test_modals_keep_slacks_rules(name: str) -> None:
    assert view_problems(MODALS[name], {"modal"}, set()) == []
    assert View(**MODALS[name]).to_dict() == MODALS[name]


def test_the_home_tab_keeps_slacks_rules() -> None:
    notice = CARDS["cancelled 0"]
    views = [
        home_view(a_status(), RESERVATIONS, PARIS, notice),
        home_view(a_status(80, 16), RESERVATIONS * 20, PARIS),
        home_view(Status(NOW, ()), [], PARIS),
    ]
    twice = with_notice(with_notice(views[0], notice), notice)
    for view in (*views, twice):
        assert view_problems(view, {"home"}, set()) == []
    assert len(twice["blocks"]) == len(views[0]["blocks"])


def filled(view: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The view as Slack sends it back."""
    given = state_from_values(view["blocks"], values)
    return {**view, "state": {"values": full_state(view["blocks"], given)}}


def test_an_untouched_form_books_one_gpu_at_the_next_slot() -> None:
    state = read_state(filled(MODALS["untouched"], {}))
    request = request_from_state(state, FORM, request_key="view:1")
    assert request == ReserveRequest(
        length=2 * H, start=datetime(2026, 11, 23, 14, tzinfo=UTC), request_key="view:1"
    )


def test_what_is_filled_in_is_drawn_and_read_again_the_same() -> None:
    assert read_state(filled(MODALS["full"], {})) == FULL
    request = request_from_state(FULL, FORM, request_key=None)
    assert request.start is None
    assert request.run == TrainingSpec("yolov8l", "a.yaml", epochs=5, imgsz=64, batch=2)
    kept = form_with_notice(filled(MODALS["full"], {"note": "other"}), CARDS["problem"])
    assert view_problems(kept, {"modal"}, set()) == []
    assert read_state(filled(kept, {})) == replace(FULL, note="other")


def test_a_training_with_nothing_filled_in_takes_the_defaults() -> None:
    view = filled(booking_modal(FORM, replace(FULL, run_fields={}), "{}"), {})
    assert request_from_state(read_state(view), FORM, request_key=None).run == FORM.run_defaults


@pytest.mark.parametrize(
    ("state", "error", "fields"),
    [
        (replace(FULL, gpus="two"), errors.InvalidGpuCount, ["gpus"]),
        (replace(FULL, gpus=""), errors.InvalidGpuCount, ["gpus"]),
        (replace(FULL, start=None, start_now=False), errors.UnreadableRequest, ["start"]),
        (replace(FULL, length=None), errors.UnreadableRequest, ["length"]),
        (replace(FULL, note="x" * 301), errors.UnreadableRequest, ["note"]),
        (
            replace(FULL, run_fields={"epochs": "many", "model": "../x"}),
            errors.InvalidRunSpec,
            ["epochs", "model"],
        ),
    ],
)
def test_faults_come_back_at_their_fields(
    state: FormState, error: type[errors.BerthError], fields: list[str]
) -> None:
    with pytest.raises(error) as caught:
        request_from_state(state, FORM, request_key=None)
    found = fields_of_error(caught.value, MODALS["full"])
    assert sorted(block_id for block_id, _ in found) == fields


def test_an_error_about_a_hidden_field_is_not_put_on_a_field() -> None:
    error = errors.InvalidRunSpec({"epochs": "must be a number"})
    assert fields_of_error(error, MODALS["untouched"]) == []
    assert fields_of_error(errors.ClaimOverlap(), MODALS["untouched"]) == []


@pytest.mark.parametrize("slot", [2 * H, timedelta(minutes=1), 24 * H, timedelta(days=1)])
def test_lengths_are_whole_slots_up_to_the_longest(slot: timedelta) -> None:
    lengths = lengths_of(replace(FORM, slot=slot))
    assert lengths[0] == slot
    assert lengths[-1] == FORM.longest
    assert all(not length % slot for length in lengths)
    assert len(lengths) == len(set(lengths)) <= 100


def test_the_confirmation_explains_why_the_window_differs() -> None:
    view = a_reservation(window=TimeWindow(NOW, NOW + 3.5 * H))
    snapped = booked_card(view, ReserveRequest(length=2 * H, start=NOW), PARIS, 2 * H)
    exact = booked_card(view, ReserveRequest(length=3.5 * H, start=NOW), PARIS, 2 * H)
    assert "Slots are 2 h on a fixed grid" in str(snapped.blocks)
    assert "Slots are" not in str(exact.blocks)
    assert f"<!date^{int(NOW.timestamp())}^" in snapped.text


def test_only_what_can_be_given_up_has_a_button() -> None:
    buttons = [give_up_button(view) for view in RESERVATIONS]
    assert [button and button["text"]["text"] for button in buttons] == [
        "Cancel",
        "Cancel",
        "Stop & release",
        "Release",
        None,
    ]
