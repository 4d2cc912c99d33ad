"""Extending, shortening and moving, from the keyboard and by buttons."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.notices import EndsSoon
from bot.domain.time_window import TimeWindow
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import EXTEND_ACTION, MOVE_ACTION, extend_button
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.reservation_card import CANCEL_ACTION, reservation_card
from bot.slack.blocks.text import actions
from tests.slack.inbound.office import Json, Office, text_of, values_of

# 15:00 in Paris is 14:00 UTC.
AT_14, AT_16, AT_18 = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (14, 16, 18))


def window(office: Office) -> TimeWindow:
    (booked,) = office.reservations()
    return booked.window


async def test_by_a_line_it_goes_on_ends_sooner_and_moves(any_office: Office) -> None:
    office = any_office
    await office.say("/gpu reserve 2 15:00 2h")
    assert "R1 goes on until" in (await office.say("/gpu extend R1 2h"))["text"]
    assert window(office) == TimeWindow(AT_14, AT_18)
    assert "R1 now ends" in (await office.say("/gpu shorten r1 until 17:00"))["text"]
    assert window(office) == TimeWindow(AT_14, AT_16)
    assert "R1 goes on" in (await office.say("/gpu extend 1"))["text"]
    assert "R1 now ends" in (await office.say("/gpu shorten R1 2h less"))["text"]
    assert window(office) == TimeWindow(AT_14, AT_16)
    assert "R1 is moved" in (await office.say("/gpu move R1 to 17:00"))["text"]
    assert window(office) == TimeWindow(AT_16, AT_18)
    assert "stays as it is" in (await office.say("/gpu move R1 17:30"))["text"]


async def test_a_line_that_is_delivered_twice_extends_once(office: Office) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    await office.say("/gpu extend R1 2h")
    await asyncio.to_thread(office.client.redeliver)
    await office.eventually(lambda: len(office.ephemerals("U0ALICE")) == 3)
    assert window(office) == TimeWindow(AT_14, AT_18)


BAD_INPUT = [
    ("/gpu extend R99 2h", "There is no reservation R99"),
    ("/gpu extend banana", "There is no reservation “banana”"),
    ("/gpu extend R1 banana", "cannot read “banana”"),
    ("/gpu extend R1 until", "I need a length"),
    ("/gpu extend R1 2h banana", "only a length"),
    ("/gpu extend R1 until 18:00 banana", "only a length"),
    ("/gpu extend R1 9d", "is too long"),
    ("/gpu shorten R1", "I need an end"),
    ("/gpu shorten R1 until 23:30", "is not earlier"),
    ("/gpu shorten R1 4h", "Nothing of R1 would be left"),
    ("/gpu move R1", "I need a start"),
    ("/gpu move R1 2h", "cannot read “2h”"),
    ("/gpu move R1 today 08:00", "is over"),
    ("/gpu move R1 2027-11-01 08:00", "too far ahead"),
]


@pytest.mark.parametrize(("text", "says"), BAD_INPUT, ids=[text for text, _ in BAD_INPUT])
async def test_what_cannot_be_is_told_with_the_next_step(
    office: Office, text: str, says: str
) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    answer = await office.say(text)
    assert says in answer["text"]
    assert "went wrong" not in answer["text"]
    assert window(office) == TimeWindow(AT_14, AT_16)


async def test_somebody_elses_is_left_alone(office: Office) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    answer = await office.say("/gpu move R1 17:00", user="U0BOB")
    assert "<@U0ALICE>" in answer["text"]
    assert window(office) == TimeWindow(AT_14, AT_16)


async def test_an_extension_into_anothers_time_offers_less_and_other_gpus(office: Office) -> None:
    await office.say("/gpu reserve gpu0 15:00 2h")
    await office.say("/gpu reserve gpu0 2026-11-23T18:00Z 2h", user="U0BOB")
    refused = await office.say("/gpu extend R1 4h")
    assert "<@U0BOB> holds 1 GPU (R2)" in refused["text"]
    (less,) = values_of(refused, EXTEND_ACTION)
    assert len(values_of(refused, ALTERNATIVE_ACTION)) == 1
    await office.click(refused, EXTEND_ACTION, less)
    await office.eventually(lambda: window(office) == TimeWindow(AT_14, AT_18))
    await office.eventually(lambda: "goes on" in text_of(office.ephemerals("U0ALICE")[-1]))
    assert len(office.ephemerals("U0ALICE")) == 2, "the outcome stands where the offers stood"


async def test_a_move_to_a_full_time_offers_the_next_that_fits(office: Office) -> None:
    await office.say("/gpu reserve 4 15:00 2h")
    await office.say("/gpu reserve 1 2026-11-23T16:00Z 2h", user="U0BOB")
    refused = await office.say("/gpu move R1 17:00")
    offers = values_of(refused, MOVE_ACTION)
    assert offers
    await office.click(refused, MOVE_ACTION, offers[0])
    await office.eventually(lambda: window(office).start == AT_18)


async def post(office: Office, channel: str, card: Card) -> Json:
    """Let the app post a card, and return it as it stands."""
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    sent = await client.chat_postMessage(channel=channel, text=card.text, blocks=card.blocks)
    channel = str(sent["channel"])
    return {**office.slack.state.messages.get(channel, str(sent["ts"])), "channel": channel}


async def test_the_button_of_a_card_extends_by_a_slot_however_often_it_is_clicked(
    any_office: Office,
) -> None:
    office = any_office
    await office.say("/gpu reserve 1 15:00 2h")
    (view,) = office.reservations()
    card = await post(office, "C0GPU", reservation_card(view, AT_14))
    (shown,) = values_of(card, EXTEND_ACTION)
    for _ in range(2):
        await office.click(card, EXTEND_ACTION, shown)
    await office.eventually(lambda: len(office.ephemerals("U0ALICE")) == 3)
    assert window(office) == TimeWindow(AT_14, AT_18)
    there = office.slack.state.messages.get("C0GPU", card["ts"])
    assert values_of(there, EXTEND_ACTION) == [shown], "the card is not replaced by the outcome"


async def test_the_reminder_before_the_end_extends_and_gives_way_to_the_outcome(
    office: Office,
) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    notice = EndsSoon(1, "U0ALICE", 30, AT_16)
    told = await post(office, "U0ALICE", notice_message(notice))
    assert values_of(told, CANCEL_ACTION) == ["1"]
    await office.click(told, EXTEND_ACTION, values_of(told, EXTEND_ACTION)[0])
    await office.eventually(lambda: "goes on until" in text_of(office.direct("U0ALICE")[0]))
    assert window(office) == TimeWindow(AT_14, AT_18)
    assert values_of(office.direct("U0ALICE")[0], EXTEND_ACTION) == []


async def test_a_button_of_another_release_is_told_so(office: Office) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    (view,) = office.reservations()
    button = extend_button(1, AT_16)
    card = Card("old", (actions([{**button, "value": "12"}]),))
    there = await post(office, "C0GPU", card)
    await office.click(there, EXTEND_ACTION, "12")
    await office.eventually(lambda: "another release" in office.ephemerals("U0ALICE")[-1]["text"])
    assert window(office) == view.window
