"""A small Bolt app with one of everything that Berth does, to drive the stand-in with."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import uvicorn
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Json = dict[str, Any]
T = TypeVar("T")


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    return {"text": plain(value.upper()), "value": value}


MODAL: Json = {
    "type": "modal",
    "callback_id": "book",
    "title": plain("Book a GPU"),
    "submit": plain("Book"),
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "gpu",
            "label": plain("GPU"),
            "element": {
                "type": "static_select",
                "action_id": "kind",
                "options": [option("a100"), option("h100")],
                "initial_option": option("h100"),
            },
        },
        {
            "type": "input",
            "block_id": "hours",
            "label": plain("Hours"),
            "element": {
                "type": "number_input",
                "action_id": "count",
                "is_decimal_allowed": False,
                "min_value": "1",
                "max_value": "48",
            },
        },
        {
            "type": "input",
            "block_id": "day",
            "optional": True,
            "label": plain("Day"),
            "element": {
                "type": "datepicker",
                "action_id": "date",
                "initial_date": "2026-11-23",
            },
        },
    ],
}


def card(text: str) -> list[Json]:
    button = {
        "type": "button",
        "action_id": "release",
        "text": plain("Release"),
        "value": "42",
    }
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "block_id": "act", "elements": [button]},
    ]


class ExampleApp:
    """The app and what it saw."""

    def __init__(self, api_url: str) -> None:
        self.seen: list[tuple[str, Json]] = []
        client = AsyncWebClient(token="xoxb-local", base_url=api_url)
        self.bolt = AsyncApp(client=client, signing_secret="local-signing-secret")
        self._wire()

    def bodies(self, kind: str) -> list[Json]:
        return [body for seen, body in self.seen if seen == kind]

    def _wire(self) -> None:
        self._wire_commands_and_modals(self.bolt)
        self._wire_clicks_and_events(self.bolt)

    def _wire_commands_and_modals(self, app: AsyncApp) -> None:
        @app.command("/gpu")
        async def command(ack: Any, body: Json, client: Any) -> None:
            self.seen.append(("command", body))
            if body["text"] == "late":
                return
            if body["text"].startswith("say "):
                await ack(body["text"][4:])
                return
            await ack()
            view = {**MODAL, "private_metadata": body["channel_id"]}
            await client.views_open(trigger_id=body["trigger_id"], view=view)

        @app.view("book")
        async def submitted(ack: Any, body: Json, view: Json, client: Any) -> None:
            self.seen.append(("submitted", body))
            hours = view["state"]["values"]["hours"]["count"]["value"]
            if hours == "13":
                await ack(response_action="errors", errors={"hours": "Not thirteen"})
                return
            await ack()
            text = f"<@{body['user']['id']}> booked {hours} h"
            channel = view["private_metadata"]
            await client.chat_postMessage(channel=channel, text=text, blocks=card(text))

        @app.view_closed("book")
        async def closed(ack: Any, body: Json) -> None:
            self.seen.append(("closed", body))
            await ack()

    def _wire_clicks_and_events(self, app: AsyncApp) -> None:
        @app.action("release")
        async def released(ack: Any, body: Json, client: Any, respond: Any) -> None:
            self.seen.append(("action", body))
            await ack()
            channel, ts = body["channel"]["id"], body["container"]["message_ts"]
            await client.chat_update(channel=channel, ts=ts, text="Released", blocks=[])
            await respond(text="done", replace_original=False)

        @app.options("where")
        async def offered(ack: Any, body: Json) -> None:
            self.seen.append(("options", body))
            await ack(options=[option(f"{body['value']}-1")])

        @app.event("app_home_opened")
        async def home(event: Json, client: Any) -> None:
            self.seen.append(("home", event))
            view = {"type": "home", "blocks": [{"type": "divider"}]}
            await client.views_publish(user_id=event["user"], view=view)

        @app.event("message")
        async def message(body: Json, event: Json, client: Any) -> None:
            self.seen.append(("message", body))
            if event["text"] == "hello":
                await client.chat_postMessage(
                    channel=event["channel"], text="hi", thread_ts=event["ts"]
                )


@contextlib.asynccontextmanager
async def in_socket_mode(app: ExampleApp) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app.bolt, "xapp-local", ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # untyped in slack_bolt
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]  # untyped in slack_bolt


@contextlib.asynccontextmanager
async def in_http_mode(app: ExampleApp, listener: socket.socket) -> AsyncIterator[None]:
    bolt_handler = AsyncSlackRequestHandler(app.bolt)

    async def endpoint(request: Request) -> Response:
        return await bolt_handler.handle(request)

    routes = [Route("/slack/events", endpoint, methods=["POST"])]
    config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await eventually(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        await task


async def eventually(find: Callable[[], T], timeout_s: float = 5.0) -> T:
    """Poll until `find` returns something true, and return that."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not (found := find()):
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.01)
    return found
