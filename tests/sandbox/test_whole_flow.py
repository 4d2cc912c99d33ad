"""The whole flow with a real Bolt app, over Socket Mode and over signed HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.client import SandboxClient
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from tests.sandbox.example_app import ExampleApp, eventually, in_http_mode, in_socket_mode

Running = tuple[SlackStandIn, ExampleApp, SandboxClient]


@contextlib.asynccontextmanager
async def _over_sockets() -> AsyncIterator[tuple[SlackStandIn, ExampleApp]]:
    async with SlackStandIn(SystemClock(), StandInOptions(rate_limits=False)) as stand_in:
        app = ExampleApp(stand_in.api_url)
        async with in_socket_mode(app):
            yield stand_in, app


@contextlib.asynccontextmanager
async def _over_http() -> AsyncIterator[tuple[SlackStandIn, ExampleApp]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
        options = StandInOptions(mode="http", request_url=url, rate_limits=False)
        async with SlackStandIn(SystemClock(), options) as stand_in:
            app = ExampleApp(stand_in.api_url)
            async with in_http_mode(app, listener):
                yield stand_in, app


@pytest.fixture(params=["socket", "http"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    start = _over_sockets if request.param == "socket" else _over_http
    async with start() as (stand_in, app):
        with SandboxClient(stand_in.base_url) as client:
            yield stand_in, app, client


async def test_a_booking_from_the_command_to_the_release(running: Running) -> None:
    stand_in, app, client = running
    said = await asyncio.to_thread(client.say, "U0ALICE", "C0GPU", "/gpu book")
    assert said["ok"]
    assert said["ack_ms"] < 3000
    await eventually(lambda: stand_in.state.views.stack("U0ALICE"))

    wrong = await asyncio.to_thread(client.submit, "U0ALICE", None, {"hours": 13})
    assert wrong["errors"] == {"hours": "Not thirteen"}
    right = await asyncio.to_thread(client.submit, "U0ALICE", None, {"hours": 3})
    assert (right["ok"], right["errors"], right["error"]) == (True, None, None)
    assert stand_in.state.views.stack("U0ALICE") == []

    posted = await eventually(lambda: stand_in.state.messages.history("C0GPU"))
    clicked = await asyncio.to_thread(
        client.click, "U0BOB", "C0GPU", posted[0]["ts"], "release", "42"
    )
    assert clicked["ok"]
    await eventually(lambda: stand_in.state.messages.history("C0GPU")[0]["text"] == "Released")
    await eventually(lambda: stand_in.state.messages.ephemerals)
    assert stand_in.state.messages.ephemerals[0]["to"] == "U0BOB"
    assert "blocks" not in stand_in.state.messages.history("C0GPU")[0]
    assert app.bodies("action")[0]["message"]["text"] == "<@U0ALICE> booked 3 h"


async def test_untouched_inputs_arrive_with_their_initial_values(running: Running) -> None:
    stand_in, app, client = running
    await asyncio.to_thread(client.say, "U0ALICE", "C0GPU", "/gpu book")
    await eventually(lambda: stand_in.state.views.stack("U0ALICE"))
    await asyncio.to_thread(client.submit, "U0ALICE", None, {"hours": 3})
    values = app.bodies("submitted")[0]["view"]["state"]["values"]
    chosen = {"text": {"type": "plain_text", "text": "H100"}, "value": "h100"}
    assert values == {
        "gpu": {"kind": {"type": "static_select", "selected_option": chosen}},
        "hours": {"count": {"type": "number_input", "value": "3"}},
        "day": {"date": {"type": "datepicker", "selected_date": "2026-11-23"}},
    }


async def test_home_messages_threads_and_close(running: Running) -> None:
    stand_in, app, client = running
    opened = await asyncio.to_thread(client.home, "U0CAROL")
    assert opened["ok"]
    await eventually(lambda: stand_in.state.views.home("U0CAROL"))

    said = await asyncio.to_thread(client.say, "U0ALICE", "C0GPU", "hello")
    await eventually(lambda: len(stand_in.state.messages.thread("C0GPU", said["ts"])) == 2)
    assert app.bodies("message")[0]["event"]["channel_type"] == "channel"

    await asyncio.to_thread(client.say, "U0BOB", "C0GPU", "/gpu book")
    await eventually(lambda: stand_in.state.views.stack("U0BOB"))
    await asyncio.to_thread(client.close_view, "U0BOB")
    await eventually(lambda: app.bodies("closed"))
    assert app.bodies("closed")[0]["is_cleared"] is False
    assert stand_in.state.views.stack("U0BOB") == []


async def test_an_answer_in_the_acknowledgement_is_seen_by_one_person(running: Running) -> None:
    stand_in, _, client = running
    await asyncio.to_thread(client.say, "U0ALICE", "C0GPU", "/gpu say 3 GPUs are free")
    assert await asyncio.to_thread(client.ephemerals, "U0BOB") == []
    shown = await asyncio.to_thread(client.ephemerals, "U0ALICE")
    assert [message["text"] for message in shown] == ["3 GPUs are free"]
    assert stand_in.state.messages.history("C0GPU") == []


async def test_commands_work_where_the_bot_is_no_member_but_messages_do_not_reach_it(
    running: Running,
) -> None:
    _, app, client = running
    await asyncio.to_thread(client.say, "U0ALICE", "C0RANDOM", "unheard")
    said = await asyncio.to_thread(client.say, "U0ALICE", "C0RANDOM", "/gpu say hi")
    assert said["ok"]
    assert app.bodies("command")[0]["channel_name"] == "random"
    assert app.bodies("message") == []


async def test_a_file_is_uploaded_shared_and_shown(running: Running) -> None:
    stand_in, _, client = running
    slack = AsyncWebClient(token="xoxb-local", base_url=stand_in.api_url)
    await slack.files_upload_v2(
        channel="C0GPU", content=b"\x89PNG...", filename="loss.png", initial_comment="Loss"
    )
    seen = await asyncio.to_thread(client.console, "U0ALICE")
    message = seen["messages"]["C0GPU"][0]
    assert message["text"] == "Loss"
    assert message["files"][0]["mimetype"] == "image/png"
    assert message["files"][0]["url"].endswith("/loss.png")


async def test_an_unacknowledged_command_fails_after_three_seconds(running: Running) -> None:
    _, _, client = running
    said = await asyncio.to_thread(client.say, "U0ALICE", "C0GPU", "/gpu late")
    assert not said["ok"]
    assert said["error"].startswith("/gpu failed because the app ")
    assert 2900 < said["ack_ms"] < 10_000
