"""What a stand-in can be told, and what it must never let one person do for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.background import BackgroundStandIn
from bot.sandbox.client import SandboxClient
from bot.sandbox.options import SlashCommand, StandInOptions
from bot.sandbox.server import SlackStandIn
from tests.sandbox.example_app import MODAL, eventually
from tests.sandbox.scripted_app import scripted

Api = Callable[..., Awaitable[dict[str, Any]]]


class TestEcho:
    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions(echo_own_messages=True)

    async def test_the_apps_own_messages_may_come_back_as_events(
        self, api: Api, stand_in: SlackStandIn
    ) -> None:
        async with scripted(stand_in.api_url) as app:
            await api("chat.postMessage", channel="C0GPU", text="mine")
            await eventually(lambda: app.envelopes)
            event = app.envelopes[0]["payload"]["event"]
        assert (event["type"], event["text"], event["bot_id"]) == ("message", "mine", "BBERTH")


class TestSubscriptions:
    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions(subscribed_events=frozenset({"channel_archive"}))

    async def test_only_subscribed_events_are_delivered(
        self, console: Api, http: httpx.AsyncClient, stand_in: SlackStandIn
    ) -> None:
        async with scripted(stand_in.api_url) as app:
            await console("say", user="U0ALICE", channel="C0GPU", text="hello")
            assert (await console("home", user="U0ALICE"))["ok"]
            await http.post("/control/archive", json={"channel": "C0GPU"})
            await eventually(lambda: app.envelopes)
            kinds = [envelope["payload"]["event"]["type"] for envelope in app.envelopes]
        assert kinds == ["channel_archive"]


class TestNames:
    @pytest.fixture
    def options(self) -> StandInOptions:
        commands = (SlashCommand("/berth", "Berths", ""),)
        return StandInOptions(bot_token="xoxb-mine", app_token="xapp-mine", commands=commands)

    async def test_tokens_and_commands_can_be_chosen(
        self, api: Api, console: Api, http: httpx.AsyncClient
    ) -> None:
        assert (await api("auth.test"))["error"] == "invalid_auth"
        headers = {"Authorization": "Bearer xoxb-mine"}
        assert (await http.post("/api/auth.test", headers=headers)).json()["ok"]
        said = await console("say", user="U0ALICE", channel="C0GPU", text="/gpu")
        assert said["error"] == "/gpu is not a valid command"
        said = await console("say", user="U0ALICE", channel="C0GPU", text="/berth")
        assert "app_not_connected" in said["error"]


async def test_a_chosen_port_is_kept_and_refused_to_a_second(stand_in: SlackStandIn) -> None:
    second = SlackStandIn(SystemClock(), StandInOptions(port=stand_in.port))
    with pytest.raises(OSError, match="in use"):
        await second.start()


async def test_nobody_acts_in_another_persons_view(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    view = (await api("views.open", trigger_id=trigger, view=MODAL))["view"]
    container = {"type": "view", "view_id": view["id"]}
    action = {"type": "static_select", "action_id": "kind", "block_id": "gpu"}
    theirs = await console("action", user="U0BOB", container=container, action=action)
    assert theirs["error"] == "not_found"
    own = await console("action", user="U0ALICE", container=container, action=action)
    assert "app_not_connected" in own["error"]


async def test_state_can_be_asked_for_in_parts(http: httpx.AsyncClient) -> None:
    whole = (await http.get("/control/state")).json()
    assert {"messages", "ephemerals", "views", "stacks", "homes", "files"} <= set(whole)
    assert {"calls", "acks", "connections"} <= set(whole)
    part = (await http.get("/control/state", params={"only": "calls,connections"})).json()
    assert part == {"calls": [], "connections": 0}


def test_the_synchronous_bolt_app_works_too() -> None:
    options = StandInOptions(rate_limits=False)
    with BackgroundStandIn(SystemClock(), options) as stand_in:
        app = App(client=WebClient(token="xoxb-local", base_url=stand_in.api_url))

        @app.command("/gpu")
        def command(ack: Any) -> None:
            ack("from a thread")

        handler = SocketModeHandler(app, "xapp-local")
        handler.connect()  # type: ignore[no-untyped-call]  # untyped in slack_bolt
        try:
            with SandboxClient(stand_in.base_url) as client:
                assert client.say("U0ALICE", "C0GPU", "/gpu")["ok"]
                assert client.ephemerals("U0ALICE")[0]["text"] == "from a thread"
        finally:
            handler.close()  # type: ignore[no-untyped-call]  # untyped in slack_bolt


async def test_the_console_learns_which_commands_want_mentions_escaped(
    http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    told = (await http.get("/console/state", params={"user": "U0ALICE"})).json()
    wanted = {one.command: one.should_escape for one in stand_in.options.commands}
    assert {one["command"]: one["should_escape"] for one in told["commands"]} == wanted
    assert wanted["/gpu"], "as app_manifest.yml says"
