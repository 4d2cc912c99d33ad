"""The waitlist and the queue, from the keyboard to the answer."""

from __future__ import annotations

from datetime import timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.services import booking, outbox
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION
from bot.slack.blocks.waiting import (
    ACCEPT_ACTION,
    DECLINE_ACTION,
    DEQUEUE_ACTION,
    JOIN_ACTION,
    LEAVE_ACTION,
    QUEUE_ACTION,
)
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.world import a_member


async def offered(office: Office) -> Json:
    """Bob waits for a window that Alice gives back; return the message that asks him."""
    await office.say("/gpu reserve 4 tomorrow 18:00 2h")
    refused = await office.say("/gpu reserve 2 2026-11-24T17:00Z 2h", user="U0BOB")
    await office.click(refused, JOIN_ACTION, values_of(refused, JOIN_ACTION)[0], user="U0BOB")
    await office.eventually(
        lambda: "You are on the waitlist" in text_of(office.ephemerals("U0BOB")[-1])
    )
    fire_all(office.berth)
    office.berth.run(booking.cancel, a_member(office.berth), 1, "")
    fire_all(office.berth)
    return await deliver_direct(office, "U0BOB")


async def deliver_direct(office: Office, user: str) -> Json:
    """Send what a person is told directly, and return it."""
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    for parcel in office.berth.write(outbox.claim_deliveries, "test"):
        if parcel.notice is not None and parcel.channel_id == user:
            card = notice_message(parcel.notice)
            opened = await client.conversations_open(users=[user])
            await client.chat_postMessage(
                channel=opened["channel"]["id"], text=card.text, blocks=card.blocks
            )
        office.berth.write(outbox.record_sent, parcel, "test")
    return {**office.direct(user)[0], "channel": f"D{user[1:]}"}


async def test_a_refusal_offers_the_waitlist_and_one_click_takes_what_becomes_free(
    office: Office,
) -> None:
    asks = await offered(office)
    assert "It is your turn: 2 GPUs" in asks["text"]
    listed = await office.say("/gpu waitlist", user="U0BOB")
    assert values_of(listed, ACCEPT_ACTION) == ["1"]
    await office.click(asks, ACCEPT_ACTION, values_of(asks, ACCEPT_ACTION)[0], user="U0BOB")
    (booked,) = await office.eventually(lambda: office.reservations("U0BOB"))
    assert booked.gpu_count == 2
    await office.eventually(lambda: "It is yours: R2" in text_of(office.direct("U0BOB")[0]))
    assert values_of(office.direct("U0BOB")[0], ACCEPT_ACTION) == [], "replaced by the outcome"
    await office.click(listed, DECLINE_ACTION, "1", user="U0BOB")
    await office.eventually(lambda: "already" in text_of(office.ephemerals("U0BOB")[-1]))
    assert len(office.reservations("U0BOB")) == 1


async def test_declining_says_so_where_the_offer_stood(office: Office) -> None:
    asks = await offered(office)
    await office.click(asks, DECLINE_ACTION, values_of(asks, DECLINE_ACTION)[0], user="U0BOB")
    await office.eventually(lambda: "Declined" in text_of(office.direct("U0BOB")[0]))
    assert office.reservations("U0BOB") == ()


async def test_a_click_after_the_offer_is_over_is_answered_kindly(
    office: Office, clock: SetClock
) -> None:
    asks = await offered(office)
    clock.advance(minutes=11)
    await office.click(asks, ACCEPT_ACTION, "1", user="U0BOB")
    await office.eventually(lambda: "expired" in text_of(office.direct("U0BOB")[0]))
    assert office.reservations("U0BOB") == ()


async def test_the_waitlist_by_command_tells_who_is_ahead(office: Office) -> None:
    await office.say("/gpu reserve 4 tomorrow 18:00 2h")
    assert "not on the waitlist" in (await office.say("/gpu waitlist", user="U0BOB"))["text"]
    first = await office.say("/gpu waitlist join 2 2026-11-24T17:00Z 2h", user="U0BOB")
    assert "You are first in line" in first["text"]
    second = await office.say("/gpu waitlist join 1 2026-11-24T17:00Z 2h", user="U0CAROL")
    assert "number 2 in line, behind <@U0BOB>" in second["text"]
    listed = await office.say("/gpu waitlist", user="U0BOB")
    await office.click(listed, LEAVE_ACTION, values_of(listed, LEAVE_ACTION)[0], user="U0BOB")
    await office.eventually(lambda: "left the waitlist" in text_of(office.ephemerals("U0BOB")[-1]))
    assert "You are first" in text_of(await office.say("/gpu waitlist", user="U0CAROL"))


async def test_bad_waitlist_input_is_answered_kindly(office: Office) -> None:
    assert "I need `join`" in (await office.say("/gpu waitlist banana"))["text"]
    assert "cannot read" in (await office.say("/gpu waitlist join 1 banana 2h"))["text"]
    assert "Ask for 1 to 4" in (await office.say("/gpu waitlist join 9 now 2h"))["text"]
    assert "less than one slot" in (await office.say("/gpu waitlist join 1 now 30m"))["text"]


async def test_a_job_shorter_than_a_slot_is_queued_and_can_be_taken_out(office: Office) -> None:
    await office.say("/gpu reserve 4 now 2h", user="U0BOB")
    refused = await office.say("/gpu reserve 1 now 45m epochs=3")
    assert len(values_of(refused, ALTERNATIVE_ACTION)) == 1
    await office.click(refused, QUEUE_ACTION, values_of(refused, QUEUE_ACTION)[0])
    await office.eventually(
        lambda: "Your job is in the queue" in text_of(office.ephemerals("U0ALICE")[-1])
    )
    listed = await office.say("/gpu queue", user="U0BOB")
    assert "<@U0ALICE>" in text_of(listed)
    assert values_of(listed, DEQUEUE_ACTION) == [], "somebody else's"
    own = await office.say("/gpu queue")
    await office.click(own, DEQUEUE_ACTION, values_of(own, DEQUEUE_ACTION)[0])
    await office.eventually(
        lambda: "taken out of the queue" in text_of(office.ephemerals("U0ALICE")[-1])
    )
    assert "queue is empty" in (await office.say("/gpu queue"))["text"]


async def test_a_job_is_queued_by_command_and_starts_on_idle_gpus(office: Office) -> None:
    assert "I need a training" in (await office.say("/gpu queue 1 45m"))["text"]
    assert "cannot read" in (await office.say("/gpu queue 1 tomorrow 45m train"))["text"]
    assert "a length from 1 to 119 min" in (await office.say("/gpu queue 1 3h train"))["text"]
    queued = await office.say("/gpu queue 1 45m train")
    assert "starts as soon as its host takes it" in queued["text"]
    fire_all(office.berth)
    (started,) = office.reservations()
    assert started.window.length == timedelta(minutes=47, seconds=30)
    assert "no training" not in text_of(await office.say("/gpu mine"))


async def test_a_wish_without_training_is_not_offered_the_queue(office: Office) -> None:
    refused = await office.say("/gpu reserve 1 now 45m")
    assert values_of(refused, QUEUE_ACTION) == []
    assert "/gpu queue 1 45m train" in refused["text"]
