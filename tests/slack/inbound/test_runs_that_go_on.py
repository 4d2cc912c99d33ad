"""``/gpu continue`` and ``/gpu retry``, and the button below an end."""

from __future__ import annotations

import asyncio

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.notices import RunEnded
from bot.protocol.messages import EndCause
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.retry_words import RETRY_ACTION
from tests.slack.inbound.office import Office, text_of, values_of
from tests.support.agent import FakeAgent
from tests.support.clockwork import fire_due

TRAIN = "/gpu reserve 2 now 4h train"


async def training(office: Office) -> FakeAgent:
    """Book a training for now, and let it get through its first epoch."""
    await office.say(TRAIN)

    def begin() -> FakeAgent:
        fire_due(office.berth)
        (booked,) = office.reservations()
        agent = FakeAgent(office.berth, booked.gpus[0].host_id)
        agent.look()
        agent.work()
        agent.work()
        agent.report()
        return agent

    return await asyncio.to_thread(begin)


async def fail(agent: FakeAgent, cause: EndCause) -> None:
    (trainer,) = agent.trainers.values()
    agent.finish(trainer, cause)
    await asyncio.to_thread(agent.report)


async def test_it_goes_on_in_the_next_free_window(office: Office) -> None:
    await training(office)
    answer = await office.say("/gpu continue R1")
    assert "goes on in R2" in answer["text"]
    assert "trains on until" in str(answer["blocks"])
    again = await office.say("/gpu continue r1")
    assert "goes on in R2" in again["text"]


async def test_now_stops_it_at_once(office: Office) -> None:
    await training(office)
    answer = await office.say("/gpu continue R1 now")
    assert "is being stopped at a checkpoint now" in str(answer["blocks"])


async def test_moving_what_trains_says_where_it_goes_on(office: Office) -> None:
    await training(office)
    answer = await office.say("/gpu move R1 tomorrow 18:00")
    assert "goes on in R2" in answer["text"]


async def test_a_failed_training_is_tried_again_with_another_batch(office: Office) -> None:
    agent = await training(office)
    await fail(agent, EndCause.OUT_OF_MEMORY)
    answer = await office.say("/gpu retry R1 batch 4")
    assert "starts again now" in answer["text"]
    (wanted,) = await asyncio.to_thread(agent.look)
    assert wanted.spec.batch == 4
    assert "is starting; there is nothing to start" in (await office.say("/gpu retry R1"))["text"]


async def test_the_button_tries_it_again_once_however_often_it_is_clicked(office: Office) -> None:
    agent = await training(office)
    await fail(agent, EndCause.DATA_ERROR)
    told = notice_message(RunEnded(1, 1, "failed", "data_error"))
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    sent = await client.chat_postMessage(channel="C0GPU", text=told.text, blocks=told.blocks)
    message = office.slack.state.messages.get("C0GPU", str(sent["ts"]))
    (value,) = values_of(message, RETRY_ACTION)
    for _ in range(2):
        await office.click({**message, "channel": "C0GPU"}, RETRY_ACTION, value)
    await office.eventually(lambda: "nothing to start" in text_of(office.ephemerals("U0ALICE")[-1]))
    (wanted,) = await asyncio.to_thread(agent.look)
    assert wanted.fence == 2


BAD_INPUT = [
    ("/gpu continue R99", "There is no reservation R99"),
    ("/gpu continue R1 later", "only `now`"),
    ("/gpu continue R1", "has no training"),
    ("/gpu retry R1", "has no training"),
    ("/gpu retry R1 batch many", "only a batch"),
    ("/gpu retry R1 8", "only a batch"),
]


@pytest.mark.parametrize(("text", "says"), BAD_INPUT, ids=[text for text, _ in BAD_INPUT])
async def test_what_cannot_be_is_told_with_the_next_step(
    office: Office, text: str, says: str
) -> None:
    await office.say("/gpu reserve 1 15:00 2h")
    answer = await office.say(text)
    assert says in answer["text"]
    assert "went wrong" not in answer["text"]
