"""`/gpu plan` from the keyboard, and the buttons below what is told of late runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.services import booking, minutes
from bot.slack.blocks.card import Card
from bot.slack.blocks.forecast_words import (
    ASK_ACTION,
    CONTINUE_ACTION,
    FIT_ACTION,
    GIVE_ACTION,
    SHORTEN_ACTION,
    ask_to_value,
)
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.text import actions, button, section
from bot.slack.carried_change import CarriedChange, Change, change_to_value
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clockwork import fire_due
from tests.support.history import a_finished_run
from tests.support.training import Training
from tests.support.world import a_member

SPEC = TrainingSpec(model="yolo11m", data="coco.yaml", epochs=100)
LINE = "/gpu plan yolo11m coco.yaml 100 epochs imgsz=640 batch=16"
HOUR = timedelta(hours=1)


def known(office: Office) -> None:
    for _ in range(3):
        a_finished_run(office.berth, a_member(office.berth), SPEC, 180.0)


async def post(office: Office, user: str, *elements: Json) -> Json:
    """Let the app send buttons to a person, and return the message as it stands."""
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    opened = await client.conversations_open(users=[user])
    channel = str(opened["channel"]["id"])
    card = Card("told", (section("told"), actions(list(elements))))
    sent = await client.chat_postMessage(channel=channel, text=card.text, blocks=card.blocks)
    return {**office.slack.state.messages.get(channel, str(sent["ts"])), "channel": channel}


async def test_a_plan_books_with_its_run_by_one_click(any_office: Office) -> None:
    office = any_office
    known(office)
    answer = await office.say(f"{LINE} by wed 9am")
    text = text_of(answer)
    assert "Yes" in text
    assert "from 3 runs of yolo11m on 1 A100 just like it" in text
    assert "latest start that is safe" in text
    value = values_of(answer, ALTERNATIVE_ACTION)[0]
    await office.click(answer, ALTERNATIVE_ACTION, value)
    (booked,) = await office.eventually(office.reservations)
    assert booked.run is not None
    assert booked.run.spec.epochs == 100


async def test_a_confirmation_says_when_the_training_should_be_done(office: Office) -> None:
    known(office)
    line = "yolo11m data=coco.yaml epochs=100 imgsz=640 batch=16"
    text = text_of(await office.say(f"/gpu reserve 1 15:00 8h {line}"))
    assert "It should be done about" in text
    assert "may be too short" not in text
    text = text_of(await office.say(f"/gpu reserve 1 15:00 2h {line}"))
    assert "may be too short" in text
    text = text_of(await office.say("/gpu reserve 1 15:00 2h yolo11m data=unknown.yaml"))
    assert "should be done" not in text


async def test_without_history_a_trial_is_one_click_away(office: Office) -> None:
    answer = await office.say(LINE)
    assert "I do not guess" in text_of(answer)
    (value,) = values_of(answer, ALTERNATIVE_ACTION)
    await office.click(answer, ALTERNATIVE_ACTION, value)
    (booked,) = await office.eventually(office.reservations)
    assert booked.run is not None
    assert booked.run.spec.epochs == 3


async def test_too_late_comes_with_ideas(office: Office) -> None:
    known(office)
    answer = await office.say(f"{LINE} by today 18:00")
    assert ":no_entry: *No:*" in text_of(answer)
    assert "epochs instead of 100" in text_of(answer)
    assert len(values_of(answer, ALTERNATIVE_ACTION)) >= 2


async def test_a_line_that_cannot_be_read_says_which_word(office: Office) -> None:
    assert "banana" in (await office.say("/gpu plan banana"))["text"]
    assert "GPU" in (await office.say("/gpu plan yolo11m 99 gpus"))["text"]


async def test_the_form_answers_in_its_place_and_its_faults_at_their_fields(
    office: Office,
) -> None:
    known(office)
    view = await office.open_form(text="/gpu plan")
    assert view["callback_id"] == "plan_modal"
    refused = await office.submit({"epochs": "many"})
    assert "epochs" in str(refused)
    past = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
    refused = await office.submit({"plan_deadline": past})
    assert "lies ahead" in str(refused)
    assert "plan_deadline" in str(refused)
    values = {"model": "yolo11m", "data": "coco.yaml", "epochs": "100", "imgsz": "640"}
    await office.submit({**values, "batch": "16"})
    shown: Json | None = await office.eventually(
        lambda: view if "Done about" in text_of(view := office.modal()) else None
    )
    assert shown is not None
    button_value = next(
        block["accessory"]["value"] for block in shown["blocks"] if block.get("accessory")
    )
    await office.click_in_view(ALTERNATIVE_ACTION, button_value)
    await office.eventually(office.reservations)


async def running(office: Office, user: str = "U0ALICE") -> Training:
    """A training on gpu0 that ends at 16:00 UTC at the latest."""
    member = a_member(office.berth, user)
    request = ReserveRequest(2 * HOUR, gpu_names=("gpu0",), run=SPEC)
    view = await asyncio.to_thread(office.berth.run, booking.reserve, member, request)
    run = Training(office.berth, office.berth.clock, view.gpus[0].host_id, view.reservation_id)  # type: ignore[arg-type] # set by hand here
    await asyncio.to_thread(run.start)
    return run


AT_16 = datetime(2026, 11, 23, 16, tzinfo=UTC)


async def test_minutes_are_asked_for_and_given_by_buttons(office: Office) -> None:
    run = await running(office)
    request = ReserveRequest(4 * HOUR, gpu_names=("gpu0",), start=AT_16)
    bob = a_member(office.berth, "U0BOB")
    await asyncio.to_thread(office.berth.run, booking.reserve, bob, request)
    asks = button("Ask", ASK_ACTION, ask_to_value(run.reservation_id, 30, AT_16))
    message = await post(office, "U0ALICE", asks)
    await office.click(message, ASK_ACTION, asks["value"])
    await office.eventually(lambda: "is asked for 30 minutes" in text_of(newest(office)))
    message = await post(office, "U0BOB", button("Give", GIVE_ACTION, "1"))
    for _ in range(2):
        await office.click(message, GIVE_ACTION, "1", user="U0BOB")
    await office.eventually(
        lambda: office.reservations()[0].window.end == AT_16 + timedelta(minutes=30)
    )
    assert office.berth.run(minutes.look_up, 1).state == "accepted"


def newest(office: Office, user: str = "U0ALICE") -> Json | None:
    told = [*office.direct(user)[:1], *office.ephemerals(user)[-1:]]
    return {"text": " ".join(text_of(each) for each in told), "blocks": []}


async def test_continue_fit_and_give_back_by_buttons(office: Office) -> None:
    run = await running(office)
    number = str(run.reservation_id)
    message = await post(
        office,
        "U0ALICE",
        button("Fit", FIT_ACTION, number),
        button("Continue", CONTINUE_ACTION, number),
    )
    await office.click(message, FIT_ACTION, number)
    await office.eventually(lambda: _runs_early(office))
    message = await post(office, "U0ALICE", button("Continue", CONTINUE_ACTION, number))
    await office.click(message, CONTINUE_ACTION, number)
    await office.eventually(lambda: office.reservations()[0].goes_on)
    value = change_to_value(CarriedChange(run.reservation_id, Change.END, AT_16 - 2 * HOUR))
    message = await post(office, "U0ALICE", button("Give back", SHORTEN_ACTION, value))
    await office.click(message, SHORTEN_ACTION, value)
    await office.eventually(lambda: office.reservations()[0].window.end == AT_16 - 2 * HOUR)
    await asyncio.to_thread(fire_due, office.berth)


def _runs_early(office: Office) -> bool:
    run = office.reservations()[0].run
    return run is not None and run.finishes_early
