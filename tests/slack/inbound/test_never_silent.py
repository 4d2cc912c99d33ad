"""Whatever breaks, the person hears of it, and the log has it."""

from __future__ import annotations

import asyncio
import re

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot.domain.errors import Unavailable
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.store.database import Database
from tests.slack.inbound.office import Office, open_office, values_of
from tests.support.clock import SetClock


async def test_an_unforeseen_error_is_told_by_its_reference_and_logged(office: Office) -> None:
    office.obstacles.failures["reserve"] = RuntimeError("password=hunter2")
    with capture_logs() as logged:
        answer = await office.say("/gpu reserve 1 now 2h")
    reference = re.search(r"`([0-9a-f]{8})`", answer["text"])
    assert reference
    assert "hunter2" not in answer["text"]
    (entry,) = [one for one in logged if one["event"] == "slack_listener_failed"]
    assert entry["reference"] == reference[1]
    assert entry["exc_info"]


async def test_a_service_that_is_unavailable_is_told_kindly(office: Office) -> None:
    office.obstacles.failures["status"] = Unavailable()
    assert "try again" in (await office.say("/gpu status"))["text"]


async def test_a_failing_response_url_falls_back_to_the_channel(office: Office) -> None:
    await asyncio.to_thread(office.client.faults, "response_url", "500")
    assert "Booked R1" in (await office.say("/gpu reserve 1 now 2h"))["text"]
    assert len(await office.calls("chat.postEphemeral")) == 1


async def test_and_then_to_a_direct_message(office: Office) -> None:
    await asyncio.to_thread(office.client.faults, "response_url", "500")
    await asyncio.to_thread(office.client.faults, "chat.postEphemeral", "500")
    await asyncio.to_thread(office.client.say, "U0ALICE", "C0GPU", "/gpu help")
    await office.eventually(lambda: office.direct("U0ALICE"))


async def test_where_the_bot_is_no_member_the_command_is_answered_all_the_same(
    office: Office,
) -> None:
    answer = await office.say("/gpu reserve 1 now 2h", channel="C0RANDOM")
    assert "Booked R1" in answer["text"]


async def test_slack_that_does_not_say_who_this_is(office: Office) -> None:
    await asyncio.to_thread(office.client.faults, "users.info", "500", 5)
    answer = await office.say("/gpu reserve 1 now 2h")
    assert "try again" in answer["text"]
    await office.say("/gpu help")


async def test_a_deactivated_account_may_do_nothing(office: Office) -> None:
    calls = office.slack.state.log.calls
    office.slack.state.workspace.people["U0BOB"].deleted = True
    asked = {"command": "/gpu", "text": "reserve 1 now 2h", "user_id": "U0BOB"}
    body = {**asked, "channel_id": "C0GPU", "team_id": "T0BERTH", "trigger_id": "1.2.3"}
    await office.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))
    # Slack delivers nothing to such an account either; what matters is that nothing is booked.
    await office.say("/gpu help")
    await office.eventually(lambda: [call for call in calls if call["error"] == "user_disabled"])
    assert office.reservations("U0BOB") == ()


async def test_whoever_is_known_is_not_asked_for_again(office: Office) -> None:
    await office.say("/gpu reserve 1 now 2h")
    await asyncio.to_thread(office.client.faults, "users.info", "500", 5)
    assert "Booked R2" in (await office.say("/gpu reserve 1 now 2h"))["text"]
    assert len(await office.calls("users.info")) == 1


async def test_a_button_of_another_release_is_answered(office: Office) -> None:
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    button = {
        "type": "button",
        "action_id": "from.the.future",
        "value": "1",
        "text": {"type": "plain_text", "text": "?"},
    }
    posted = await client.chat_postMessage(
        channel="C0GPU", text="?", blocks=[{"type": "actions", "elements": [button]}]
    )
    message = {"channel": "C0GPU", "ts": posted["ts"]}
    await office.click(message, "from.the.future", "1")
    told = await office.eventually(lambda: office.ephemerals("U0ALICE"))
    assert "another release" in told[0]["text"]


async def test_a_lost_connection_loses_no_command_after_it(office: Office) -> None:
    await asyncio.to_thread(office.client.disconnect)
    async with asyncio.timeout(10):
        while True:
            said = await asyncio.to_thread(office.client.say, "U0BOB", "C0GPU", "/gpu")
            if said["ok"]:
                break
    assert "Booked R1" in (await office.say("/gpu reserve 1 now 2h"))["text"]


async def test_twenty_people_are_acknowledged_while_the_services_are_slow(office: Office) -> None:
    office.obstacles.delay_s["status"] = 4.0
    said = await asyncio.gather(
        *(
            asyncio.to_thread(office.client.say, user, "C0GPU", "/gpu status")
            for user in ("U0ALICE", "U0BOB", "U0CAROL", "U0DAVE") * 5
        )
    )
    assert all(one["ok"] and one["ack_ms"] < 3000 for one in said)
    await office.eventually(lambda: len(office.slack.state.messages.ephemerals) == 20)


async def test_oauth_variables_of_others_do_not_change_the_app(
    sqlite: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "web sign-in")
    async with open_office("socket", sqlite, clock) as office:
        assert "Booked R1" in (await office.say("/gpu reserve 1 now 2h"))["text"]


async def test_the_button_of_the_confirmation_cancels(office: Office) -> None:
    booked = await office.say("/gpu reserve 1 tomorrow 18:00 2h")
    await office.click(booked, CANCEL_ACTION, values_of(booked, CANCEL_ACTION)[0])
    await office.eventually(lambda: not office.reservations())
