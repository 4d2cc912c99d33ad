"""A small real Bolt app over Socket Mode with the stand-in it talks to, in their own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from tests.browser import console_views

Json = dict[str, Any]
T = TypeVar("T")

START_TIMEOUT_S = 20.0
SLOW_S = 0.8
"""Longer than the console waits before it says that the app is at work."""
DEADLINE_S = 1.5
"""Shorter than Slack's three seconds, so that the test of a silent app need not take as long."""
MOMENT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class ConsoleApp:
    """What a console test acts on. Use as a context manager.

    Attributes:
        submissions: `view.state.values` of every submitted modal.
        actions: (action, state values) of every block action.
        closed: the payloads of closed views.
        texts: what people wrote, as the app received it.
    """

    def __init__(self) -> None:
        self.submissions: list[Json] = []
        self.actions: list[tuple[Json, Json]] = []
        self.closed: list[Json] = []
        self.texts: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-in")
        options = StandInOptions(ack_deadline_s=DEADLINE_S, rate_limits=False)
        self.stand_in = SlackStandIn(SystemClock(), options)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the console is."""
        return self.stand_in.base_url

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop of the stand-in."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    def post(self, text: str, **extra: Any) -> str:
        """Have the app write into #gpu. Returns the message's ts."""
        answer = self.run(self.client.chat_postMessage(channel="C0GPU", text=text, **extra))
        return str(answer["ts"])

    def upload(self, content: bytes, name: str) -> str:
        """Upload a file that no channel shows yet. Returns its id."""
        answer = self.run(self.client.files_upload_v2(content=content, filename=name, title=name))
        return str(answer["file"]["id"])

    def edit(self, ts: str, text: str, **extra: Any) -> None:
        """Have the app change a message in #gpu."""
        self.run(self.client.chat_update(channel="C0GPU", ts=ts, text=text, **extra))

    async def _start(self) -> None:
        await self.stand_in.start()
        self.client = AsyncWebClient(token="xoxb-local", base_url=self.stand_in.api_url)
        app = AsyncApp(client=self.client)
        _listen(app, self)
        self._handler = AsyncSocketModeHandler(app, "xapp-local", ping_interval=5)
        await self._handler.connect_async()  # type: ignore[no-untyped-call] # bolt lacks the type

    async def _stop(self) -> None:
        await self._handler.close_async()  # type: ignore[no-untyped-call] # bolt lacks the type
        await self.stand_in.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _listen(app: AsyncApp, seen: ConsoleApp) -> None:
    _listen_to_commands(app)
    _listen_to_views(app, seen)
    _listen_to_actions(app, seen)

    @app.event("app_home_opened")
    async def home(event: Json, client: AsyncWebClient) -> None:
        view = console_views.home(f"Hello <@{event['user']}>")
        await client.views_publish(user_id=event["user"], view=view)

    @app.event("message")
    async def message(event: Json) -> None:
        seen.texts.append(event["text"])


def _listen_to_commands(app: AsyncApp) -> None:
    @app.command("/gpu")
    async def gpu(ack: Any, command: Json, client: AsyncWebClient, respond: Any) -> None:
        text = command["text"]
        if text == "silent":
            return
        if text == "slow":
            await asyncio.sleep(SLOW_S)
        await ack()
        if text == "inputs":
            view = console_views.inputs(MOMENT)
            await client.views_open(trigger_id=command["trigger_id"], view=view)
        elif text == "mini":
            await client.views_open(trigger_id=command["trigger_id"], view=console_views.mini("1"))
        elif text == "only me":
            await respond(text="Sure?", blocks=console_views.question())


def _listen_to_views(app: AsyncApp, seen: ConsoleApp) -> None:
    @app.view("inputs")
    async def submitted(ack: Any, view: Json) -> None:
        values = view["state"]["values"]
        seen.submissions.append(values)
        if values["b_text"]["a_text"]["value"] == "taken":
            await ack(response_action="errors", errors={"b_text": "That name is taken."})
        else:
            await ack()

    @app.view("mini")
    async def mini_submitted(ack: Any, view: Json) -> None:
        seen.submissions.append(view["state"]["values"])
        await ack()

    @app.view_closed("mini")
    async def closed(ack: Any, body: Json) -> None:
        await ack()
        seen.closed.append(body)


def _listen_to_actions(app: AsyncApp, seen: ConsoleApp) -> None:
    @app.action({"type": "block_actions", "action_id": console_views.ANY_ACTION})
    async def any_action(ack: Any, body: Json, client: AsyncWebClient, respond: Any) -> None:
        await ack()
        action = body["actions"][0]
        state = body["view"]["state"] if "view" in body else body["state"]
        seen.actions.append((action, state["values"]))
        if action["action_id"] == "push":
            depth = str(int(action["value"]) + 1)
            await client.views_push(trigger_id=body["trigger_id"], view=console_views.mini(depth))
        elif action["action_id"] == "update":
            view = console_views.mini("1", note="Checked: free")
            await client.views_update(view_id=body["view"]["id"], view=view)
        elif action["action_id"] == "yes":
            await respond(replace_original=True, text="Done.")

    @app.options("a_external")
    async def options(ack: Any, body: Json) -> None:
        typed = body["value"].lower()
        names = [name for name in ("tiny run", "big run", "tiny eval") if typed in name]
        await ack(options=[console_views.option(name, name.replace(" ", "-")) for name in names])
