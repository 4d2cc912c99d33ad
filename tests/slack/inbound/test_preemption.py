"""A P0 that does not fit: its refusal, the dry run, the question, Approve, and the answers."""

from __future__ import annotations

import asyncio

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.notice_base import Notice
from bot.domain.preemption_notices import GpusTakenBack, PreemptionAsked, PreemptionObjected
from bot.domain.preemption_views import PreemptionState
from bot.services import preemptions
from bot.slack.blocks.change_buttons import MOVE_ACTION
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.preemption import (
    APPROVE_ACTION,
    ASK_ACTION,
    OBJECT_ACTION,
    REASON_BLOCK,
    STAND_ACTION,
    WITHDRAW_ACTION,
    YIELD_ACTION,
)
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due

URGENT = "/gpu reserve 4 now 4h p0 “the demo”"


async def research(office: Office, clock: SetClock) -> FakeAgent:
    """Let Bob's training have all four GPUs, past its protected beginning."""
    await office.say("/gpu reserve 4 now 12h train", user="U0BOB")

    def begin() -> FakeAgent:
        fire_due(office.berth)
        (booked,) = office.reservations("U0BOB")
        agent = FakeAgent(office.berth, booked.gpus[0].host_id)
        agent.look()
        agent.work()
        agent.report()
        clock.advance(minutes=40)
        agent.report()
        return agent

    return await asyncio.to_thread(begin)


async def post(office: Office, notice: Notice, channel: str = "C0GPU") -> Json:
    """Put a notice where it can be clicked."""
    told = notice_message(notice)
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    sent = await client.chat_postMessage(channel=channel, text=told.text, blocks=told.blocks)
    message = office.slack.state.messages.get(channel, str(sent["ts"]))
    return {**message, "channel": channel}


async def delivered(office: Office) -> Postman:
    postman = Postman()
    await asyncio.to_thread(postman.deliver_all, office.berth)
    return postman


async def asked(office: Office) -> Json:
    """Ask as Bob's colleague through the refusal, and return the message that asks to approve."""
    refused = await office.say(URGENT, user="U0CAROL")
    assert "since its last checkpoint" in text_of(refused) or "no checkpoint" in text_of(refused)
    (value,) = values_of(refused, ASK_ACTION)
    before = len(office.ephemerals("U0CAROL"))
    await office.click({**refused, "channel": "C0GPU"}, ASK_ACTION, value, user="U0CAROL")
    answer = await office.eventually(lambda: office.ephemerals("U0CAROL")[before:])
    assert "waits for approval" in text_of(answer[0])
    postman = await delivered(office)
    (question,) = [each for each in postman.threads if isinstance(each, PreemptionAsked)]
    return await post(office, question)


async def approved(office: Office) -> Postman:
    message = await asked(office)
    (value,) = values_of(message, APPROVE_ACTION)
    await office.click(message, APPROVE_ACTION, value)  # Alice is an admin
    state = PreemptionState.AGREED
    await office.eventually(lambda: office.berth.run(preemptions.show, 1).state is state)
    return await delivered(office)


async def test_a_dry_run_says_who_would_lose_what(office: Office, clock: SetClock) -> None:
    await research(office, clock)
    answer = await office.say("/gpu plan p0 4 now 4h", user="U0CAROL")
    assert "Nothing has happened" in text_of(answer)
    assert "<@U0BOB>" in text_of(answer)
    assert len(office.reservations("U0BOB")) == 1
    assert office.reservations("U0CAROL") == ()
    refused = await office.say("/gpu plan p1 4 now 4h", user="U0CAROL")
    assert "Only P0 may take GPUs back" in text_of(refused)


async def test_asked_approved_and_yielded(office: Office, clock: SetClock) -> None:
    agent = await research(office, clock)
    postman = await approved(office)
    ((to, told),) = [each for each in postman.directs if isinstance(each[1], GpusTakenBack)]
    assert to == "U0BOB"
    message = await post(office, told, "D0BOB")
    assert "save a checkpoint" in text_of(message)
    assert values_of(message, MOVE_ACTION), "other windows are listed"
    (value,) = values_of(message, YIELD_ACTION)
    await office.click(message, YIELD_ACTION, value, user="U0BOB")
    await office.eventually(lambda: agent.look()[0].stop is not None)
    assert await office.eventually(
        lambda: (
            "saves a checkpoint and stops now" in str(office.slack.state.messages.ephemerals)
            or "saves a checkpoint and stops now" in str(office.direct("U0BOB"))
        )
    )


async def test_an_objection_is_read_and_may_call_it_off(office: Office, clock: SetClock) -> None:
    await research(office, clock)
    await approved(office)
    objected = PreemptionObjected(2, 1, 1, "U0BOB", "a paper is due", clock.now())
    message = await post(office, objected)
    (value,) = values_of(message, STAND_ACTION)
    await office.click(message, STAND_ACTION, value)
    postman = await delivered(office)
    (value,) = values_of(message, WITHDRAW_ACTION)
    again = await post(office, objected)
    await office.click(again, WITHDRAW_ACTION, value)
    state = PreemptionState.UNDONE
    await office.eventually(lambda: office.berth.run(preemptions.show, 1).state is state)
    assert postman is not None


async def test_objecting_asks_for_the_reason(office: Office, clock: SetClock) -> None:
    await research(office, clock)
    postman = await approved(office)
    ((_, told),) = [each for each in postman.directs if isinstance(each[1], GpusTakenBack)]
    message = await post(office, told, "D0BOB")
    (value,) = values_of(message, OBJECT_ACTION)
    await office.click(message, OBJECT_ACTION, value, user="U0BOB")
    await office.eventually(lambda: office.modal("U0BOB"))
    await office.submit({REASON_BLOCK: {REASON_BLOCK: "a paper is due"}}, user="U0BOB")
    postman = await delivered(office)
    told_to = [to for to, each in postman.directs if isinstance(each, PreemptionObjected)]
    assert told_to == ["U0ALICE"]
