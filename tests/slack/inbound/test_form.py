"""The booking form: opened, filled in, refused, submitted twice, slow."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.domain.errors import ClaimOverlap
from bot.domain.priority import Priority
from bot.domain.run_spec import TrainingSpec
from bot.slack.blocks.booking_modal import TRAIN_ACTION
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.inbound.open_form import SHORTCUT
from tests.slack.inbound.office import Office, text_of, values_of


async def test_the_form_books_what_is_filled_in(any_office: Office) -> None:
    office = any_office
    await office.open_form()
    start = datetime(2026, 11, 24, 18, tzinfo=UTC)
    sent = await office.submit(
        {
            "gpus": 2,
            "start": int(start.timestamp()),
            "length": str(4 * 3600),
            "priority": "p1",
            "note": "night run",
        }
    )
    assert (sent["ok"], sent["errors"], sent["error"]) == (True, None, None)
    assert sent["ack_ms"] < 3000
    (booked,) = office.reservations()
    assert booked.window.start == start
    assert booked.window.length == timedelta(hours=4)
    assert (booked.gpu_count, booked.priority, booked.note) == (2, Priority.P1, "night run")
    assert booked.run is None
    assert office.modal() is None
    told = await office.eventually(lambda: office.ephemerals("U0ALICE"))
    assert "Booked R1" in told[0]["text"]
    assert told[0]["channel"] == "C0GPU"


async def test_the_global_shortcut_opens_the_form_and_answers_directly(office: Office) -> None:
    shortcut = {
        "type": "shortcut",
        "callback_id": SHORTCUT,
        "trigger_id": office.slack.state.triggers.issue("U0ALICE"),
        "user": {"id": "U0ALICE"},
        "team": {"id": "T0BERTH"},
    }
    for _ in range(2):
        await office.app.async_dispatch(AsyncBoltRequest(body=shortcut, mode="socket_mode"))
    await office.eventually(office.modal)
    await office.submit()
    told = await office.eventually(lambda: office.direct("U0ALICE"))
    assert ["Booked R1" in one["text"] for one in told] == [True]


async def test_a_trigger_that_has_expired_is_told(office: Office) -> None:
    office.obstacles.delay_s["booking_form"] = 1.4
    await asyncio.to_thread(office.client.faults, "views.open", "slow", 1, delay_s=2.0)
    office.slack.state.triggers._life_s = 0.5
    await asyncio.to_thread(office.client.say, "U0ALICE", "C0GPU", "/gpu reserve")
    told = await office.eventually(lambda: office.ephemerals("U0ALICE"))
    assert "try again" in told[0]["text"]


async def test_start_now_wins_over_the_time(office: Office) -> None:
    await office.open_form()
    await office.submit({"start_now": ["yes"]})
    (booked,) = office.reservations()
    assert booked.window.start == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


async def test_the_training_fields_come_and_go_and_keep_what_is_typed(office: Office) -> None:
    await office.open_form()
    typed = {"gpus": 3, "note": "keep me"}
    await office.click_in_view(TRAIN_ACTION, ["yes"], values={**typed, "train": ["yes"]})
    view = await office.eventually(
        lambda: (found := office.modal()) and "epochs" in text_of(found) and found
    )
    assert view
    sent = await office.submit({"model": "yolov8l", "epochs": "7"})
    assert sent["ok"], sent
    (booked,) = office.reservations()
    assert (booked.gpu_count, booked.note) == (3, "keep me")
    assert booked.run is not None
    assert booked.run.spec == TrainingSpec("yolov8l", "shapes.yaml", epochs=7)


async def test_faults_stand_at_their_fields(office: Office) -> None:
    await office.open_form()
    await office.click_in_view(TRAIN_ACTION, ["yes"], values={"train": ["yes"]})
    await office.eventually(lambda: "epochs" in text_of(office.modal()))
    sent = await office.submit({"model": "../secret", "epochs": "many", "start": 1_700_000_000})
    assert set(sent["errors"]) == {"model", "epochs"}
    assert "whole number" in sent["errors"]["epochs"]
    past = await office.submit({"start": 1_700_000_000})
    assert "is over: it is Mon 23 Nov 13:30" in past["errors"]["start"]
    far = await office.submit({"start": 1_900_000_000})
    assert "too far ahead" in far["errors"]["start"]
    assert office.reservations() == ()


async def test_an_empty_start_is_asked_for(office: Office) -> None:
    await office.open_form()
    sent = await office.submit({"start": None})
    assert "I need a start" in sent["errors"]["start"]


async def test_the_same_form_submitted_twice_books_once(any_office: Office) -> None:
    office = any_office
    await office.open_form()
    await office.submit()
    for _ in range(2):
        await asyncio.to_thread(office.client.redeliver)
    assert len(office.reservations()) == 1


async def test_a_full_window_is_told_in_the_form_and_booked_there(office: Office) -> None:
    await office.say("/gpu reserve 3 2026-11-23T14:00Z 2h", user="U0BOB")
    await office.open_form()
    sent = await office.submit({"gpus": 4, "note": "mine"})
    assert sent["ok"]
    view = office.modal()
    assert view is not None
    assert "<@U0BOB> holds 3 GPUs" in text_of(view)
    assert "mine" in text_of(view), "what was typed stays"
    assert office.reservations() == ()
    offers = values_of(view, ALTERNATIVE_ACTION)
    await office.click_in_view(ALTERNATIVE_ACTION, offers[0])
    await asyncio.to_thread(office.client.redeliver)
    await office.eventually(lambda: "Booked R" in text_of(office.modal()))
    (booked,) = office.reservations()
    assert (booked.gpu_count, booked.note) == (4, "mine")


async def test_after_a_refusal_the_form_can_be_changed_and_submitted(office: Office) -> None:
    await office.say("/gpu reserve 3 2026-11-23T14:00Z 2h", user="U0BOB")
    await office.open_form()
    await office.submit({"gpus": 4})
    sent = await office.submit({"gpus": 1})
    assert sent["ok"]
    assert office.modal() is None
    assert office.reservations()[0].gpu_count == 1


async def test_slow_data_opens_a_waiting_form_in_time(office: Office) -> None:
    office.obstacles.delay_s["booking_form"] = 2.5
    started_s = time.monotonic()
    view = await office.open_form()
    assert time.monotonic() - started_s < 2.5
    assert "One moment" in text_of(view)
    await office.eventually(lambda: "GPUs (1 to 4)" in text_of(office.modal()))


async def test_data_that_fails_after_the_waiting_form_is_told_in_it(office: Office) -> None:
    office.obstacles.delay_s["booking_form"] = 1.8
    office.obstacles.failures["booking_form"] = RuntimeError("no disk")
    await office.open_form()
    await office.eventually(lambda: "Something went wrong" in text_of(office.modal()))


async def test_a_slow_booking_is_acknowledged_in_time_and_ends_in_the_form(office: Office) -> None:
    await office.open_form()
    office.obstacles.delay_s["reserve"] = 2.8
    sent = await office.submit()
    assert sent["ok"]
    assert sent["ack_ms"] < 3000
    assert "Booking" in text_of(office.modal())
    await office.eventually(lambda: "Booked R1" in text_of(office.modal()))
    assert len(office.reservations()) == 1


async def test_a_slow_booking_is_told_in_the_channel_when_the_form_was_closed(
    office: Office,
) -> None:
    await office.open_form()
    office.obstacles.delay_s["reserve"] = 2.8
    await office.submit()
    await asyncio.to_thread(office.client.close_view, "U0ALICE")
    told = await office.eventually(lambda: office.ephemerals("U0ALICE"))
    assert "Booked R1" in told[0]["text"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(ClaimOverlap(), "try again"), (RuntimeError("secret"), "I wrote it down as")],
)
async def test_other_errors_keep_the_form_and_what_is_typed(
    office: Office, error: Exception, says: str
) -> None:
    await office.open_form()
    office.obstacles.failures["reserve"] = error
    sent = await office.submit({"note": "keep me"})
    assert sent["ok"], sent
    view = office.modal()
    assert says in text_of(view)
    assert "keep me" in text_of(view)
    assert "secret" not in text_of(view)
    office.obstacles.failures.clear()
    again = await office.submit()
    assert again["ok"]
    assert office.reservations()[0].note == "keep me"


async def test_the_confirmation_goes_to_a_direct_message_where_the_bot_may_not_write(
    office: Office,
) -> None:
    await office.open_form()
    await asyncio.to_thread(office.client.remove_bot, "C0GPU")
    await office.submit()
    told = await office.eventually(lambda: office.direct("U0ALICE"))
    assert "Booked R1" in told[0]["text"]
