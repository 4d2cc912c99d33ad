"""How the messenger treats Slack, against the stand-in."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.notices import HostBack, RunEnded
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.ports.messenger import CardAddress, DeliveryFailed
from bot.sandbox.faults import Fault
from bot.sandbox.files import StoredFile
from bot.sandbox.rate_limits import RateLimits
from bot.sandbox.server import SlackStandIn
from bot.slack.outbound.messenger import IMAGE_PAUSE, IMAGE_TRIES, SlackMessenger
from bot.slack.outbound.send_budget import SendBudget
from bot.slack.outbound.slack_calls import outbound_client
from tests.fakes.sample_views import a_reservation, a_run, sample_notices
from tests.support.clock import SetClock

CHANNEL = "C0GPU"


class RunningClock:
    """Monotonic time that passes only by sleeping, for budget and stand-in alike."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
async def slack(clock: SetClock) -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(clock) as started:
        yield started


@pytest.fixture
def monotonic(slack: SlackStandIn) -> RunningClock:
    running = RunningClock()
    slack.state.limits = RateLimits(enabled=True, monotonic_s=running.monotonic_s)
    return running


@pytest.fixture
def messenger(slack: SlackStandIn, clock: SetClock, monotonic: RunningClock) -> SlackMessenger:
    client = outbound_client(slack.options.bot_token, base_url=slack.api_url)
    budget = SendBudget(monotonic_s=monotonic.monotonic_s, sleep=monotonic.sleep)
    return SlackMessenger(client, clock, budget)


def messages(slack: SlackStandIn, channel_id: str = CHANNEL) -> list[dict[str, Any]]:
    return list(slack.state.messages.by_channel[channel_id].values())


def called(slack: SlackStandIn, method: str) -> int:
    return sum(call["method"] == method for call in slack.state.log.calls)


async def post(messenger: SlackMessenger, key: str = "card", **how: Any) -> CardAddress:
    given: dict[str, Any] = {"view": a_reservation(), "uncertain": False} | how
    view = given.pop("view")
    return await messenger.post_card(CHANNEL, view, delivery_key=key, **given)


def promise_another_length_once(slack: SlackStandIn) -> None:
    """Let the next upload be refused on its way, between the two calls of the Web API."""
    shelf, promise = slack.state.files, slack.state.files.expect

    def promise_wrongly(name: str, length: int, created_s: int) -> StoredFile:
        shelf.expect = promise  # type: ignore[method-assign]  # back to normal after one call
        return promise(name, length + 1, created_s)

    shelf.expect = promise_wrongly  # type: ignore[method-assign]  # for one call


def a_finished_run(plot_file_id: str) -> ReservationView:
    run = a_run(RunState.SUCCEEDED, epoch=100, plot_file_id=plot_file_id)
    return a_reservation(ReservationState.ACTIVE, run=run)


def test_a_client_that_repeats_calls_is_refused(clock: SetClock) -> None:
    with pytest.raises(ValueError, match="retry"):
        SlackMessenger(AsyncWebClient(token="xoxb-test"), clock, SendBudget())


async def test_a_card_has_blocks_and_words_and_its_key(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    await post(messenger, key="card:12")
    (message,) = messages(slack)
    assert message["blocks"]
    assert message["text"].startswith("R12 booked")
    assert message["metadata"] == {
        "event_type": "berth_delivery",
        "event_payload": {"key": "card:12"},
    }


async def test_an_edited_card_keeps_its_key(slack: SlackStandIn, messenger: SlackMessenger) -> None:
    address = await post(messenger)
    await messenger.update_card(address, a_reservation(ReservationState.CANCELLED))
    assert await post(messenger, uncertain=True) == address
    assert len(messages(slack)) == 1


async def test_every_notice_goes_out(slack: SlackStandIn, messenger: SlackMessenger) -> None:
    address = await post(messenger)
    for number, notice in enumerate(sample_notices()):
        await messenger.post_in_thread(address, notice, delivery_key=f"n{number}", uncertain=False)
    assert len(messages(slack)) == 1 + len(sample_notices())


async def test_neither_limits_nor_patience_are_exceeded(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    address = await post(messenger)
    for number in range(20):
        await post(messenger, key=f"card{number}")
    for _ in range(120):
        await messenger.update_card(address, a_reservation())
    assert {call["status"] for call in slack.state.log.calls} == {200}


async def test_the_direct_channel_of_a_person_is_asked_for_once(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    for number in range(3):
        await messenger.send_direct(
            "U0BOB", HostBack(12, "host1"), delivery_key=f"d{number}", uncertain=False
        )
    assert called(slack, "conversations.open") == 1


async def test_nothing_is_posted_while_it_is_not_known_whether_it_went_out(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    slack.state.faults.add("conversations.history", Fault("503"), 1)
    with pytest.raises(DeliveryFailed) as failure:
        await post(messenger, uncertain=True)
    assert not failure.value.permanent
    assert messages(slack) == []


async def test_a_certain_delivery_is_not_looked_up(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    address = await post(messenger)
    await messenger.post_in_thread(
        address, HostBack(12, "host1"), delivery_key="n", uncertain=False
    )
    assert called(slack, "conversations.history") == 0
    assert called(slack, "conversations.replies") == 0


@pytest.mark.parametrize("newer", [50, 450])
async def test_a_delivery_is_found_below_many_newer_messages(
    slack: SlackStandIn, messenger: SlackMessenger, clock: SetClock, newer: int
) -> None:
    address = await post(messenger)
    clock.advance(minutes=5)
    for _ in range(newer):
        ts = slack.state.messages.next_ts()
        chatter = {"type": "message", "user": "U0BOB", "ts": ts, "text": "hello"}
        slack.state.messages.add(CHANNEL, chatter)
    assert await post(messenger, uncertain=True) == address


async def test_a_key_in_another_app_s_words_is_not_ours(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    ts = slack.state.messages.next_ts()
    metadata = {"event_type": "something_else", "event_payload": {"key": "card"}}
    slack.state.messages.add(
        CHANNEL, {"type": "message", "user": "U0BOB", "ts": ts, "text": "", "metadata": metadata}
    )
    assert (await post(messenger, uncertain=True)).ts != ts


async def test_after_a_refusal_for_frequency_nothing_is_sent_for_the_pause(
    slack: SlackStandIn, messenger: SlackMessenger, monotonic: RunningClock
) -> None:
    slack.state.faults.add("chat.postMessage", Fault("429", retry_after_s=60), 1)
    with pytest.raises(DeliveryFailed):
        await post(messenger)
    with pytest.raises(DeliveryFailed) as failure:
        await post(messenger)
    assert failure.value.reason == "rate_budget"
    assert failure.value.retry_after == timedelta(seconds=60)
    assert called(slack, "chat.postMessage") == 1
    monotonic.now_s += 60
    await post(messenger)
    assert len(messages(slack)) == 1


@pytest.mark.parametrize(
    "step", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"]
)
async def test_an_upload_that_breaks_half_way_shares_nothing(
    slack: SlackStandIn, messenger: SlackMessenger, step: str
) -> None:
    address = await post(messenger)
    if step == "upload":
        promise_another_length_once(slack)
    else:
        slack.state.faults.add(step, Fault("500"), 1)

    async def upload(uncertain: bool) -> str:
        return await messenger.post_file(
            address,
            name="results.png",
            title="Results",
            alt_text="Curves",
            content=b"png",
            delivery_key="plot",
            uncertain=uncertain,
        )

    with pytest.raises(DeliveryFailed) as failure:
        await upload(False)
    assert not failure.value.permanent
    assert len(messages(slack)) == 1
    await upload(True)
    assert len(messages(slack)) == 2


async def test_the_plot_comes_onto_the_card(slack: SlackStandIn, messenger: SlackMessenger) -> None:
    address = await post(messenger)
    file_id = await messenger.post_file(
        address,
        name="results.png",
        title="Results",
        alt_text="Curves",
        content=b"png",
        delivery_key="plot",
        uncertain=False,
    )
    await messenger.update_card(address, a_finished_run(file_id))
    card = slack.state.messages.get(CHANNEL, address.ts)
    assert [block["type"] for block in card["blocks"]] == ["section", "image", "actions"]


async def test_a_card_whose_image_is_not_ready_is_right_without_it_and_tried_again(
    slack: SlackStandIn, messenger: SlackMessenger, caplog: pytest.LogCaptureFixture
) -> None:
    address = await post(messenger)
    view = a_finished_run("F0NOTYET")
    for _ in range(IMAGE_TRIES - 1):
        with pytest.raises(DeliveryFailed) as failure:
            await messenger.update_card(address, view)
        assert failure.value.reason == "image_not_ready"
        assert failure.value.retry_after == IMAGE_PAUSE
        assert not failure.value.permanent
        card = slack.state.messages.get(CHANNEL, address.ts)
        assert [block["type"] for block in card["blocks"]] == ["section", "actions"]
        assert "R12 finished" in card["text"]
    with caplog.at_level(logging.WARNING):
        await messenger.update_card(address, view)
    assert "left out" in caplog.text


async def test_a_new_card_whose_image_is_not_ready_goes_out_without_it(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    await post(messenger, view=a_finished_run("F0NOTYET"))
    (card,) = messages(slack)
    assert [block["type"] for block in card["blocks"]] == ["section", "actions"]


async def test_with_a_revoked_token_all_waits_for_a_new_one(
    slack: SlackStandIn, clock: SetClock
) -> None:
    client = outbound_client("xoxb-revoked", base_url=slack.api_url)
    with pytest.raises(DeliveryFailed) as failure:
        await post(SlackMessenger(client, clock, SendBudget()))
    assert not failure.value.permanent, "it waits for the app to be installed again"
    assert failure.value.reason == "invalid_auth"


async def test_a_slack_that_does_not_answer_is_given_up_on(
    slack: SlackStandIn, clock: SetClock
) -> None:
    client = outbound_client(slack.options.bot_token, base_url=slack.api_url, timeout_s=1)
    slack.state.faults.add("chat.postMessage", Fault("slow", delay_s=2.0), 1)
    with pytest.raises(DeliveryFailed) as failure:
        await post(SlackMessenger(client, clock, SendBudget()))
    assert failure.value.reason == "timeout"


async def test_a_delivery_ends_in_time_whatever_it_waits_for(
    slack: SlackStandIn, clock: SetClock
) -> None:
    client = outbound_client(slack.options.bot_token, base_url=slack.api_url)
    budget = SendBudget()
    await post(SlackMessenger(client, clock, budget))
    hurried = SlackMessenger(client, clock, budget, deadline=timedelta(seconds=0.2))
    with pytest.raises(DeliveryFailed) as failure:  # the budget would let it wait for a second
        await post(hurried, key="another")
    assert failure.value.reason == "timeout"
    assert not failure.value.permanent
    assert len(messages(slack)) == 1


async def test_the_end_of_a_run_is_told_to_the_channel_too(
    slack: SlackStandIn, messenger: SlackMessenger
) -> None:
    address = await post(messenger)
    ended = RunEnded(12, 7, "failed", "crashed", "Killed.", ("last words",))
    await messenger.post_in_thread(address, ended, delivery_key="end", uncertain=False)
    told = slack.state.messages.history(CHANNEL)[0]
    assert told["reply_broadcast"] is True
    assert "last words" in str(told["blocks"])
