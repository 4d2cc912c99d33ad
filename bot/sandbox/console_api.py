"""`/console/*`: what the console in the browser speaks."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from bot.sandbox.console_view import console_state
from bot.sandbox.deliveries import Deliveries
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.human import People
from bot.sandbox.human_shortcuts import ShortcutPeople
from bot.sandbox.human_views import ModalPeople
from bot.sandbox.request_bodies import field, json_endpoint, section
from bot.sandbox.state import StandInState

KEEP_ALIVE_S = 15.0
COALESCE_S = 0.05


class ConsoleApi:
    """Serves the console of every person."""

    def __init__(self, state: StandInState, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries
        self._people = People(state, deliveries)
        self._modals = ModalPeople(state, deliveries)
        self._shortcuts = ShortcutPeople(state, deliveries)
        self._streams: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this API."""
        posts = {
            "say": self._say,
            "action": self._action,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "options": self._options,
            "shortcut": self._shortcut,
        }
        return [
            web.get("/console/state", self._get_state),
            web.get("/console/events", self._get_events),
            *(web.post(f"/console/{name}", json_endpoint(do)) for name, do in posts.items()),
        ]

    def stop(self) -> None:
        """End every event stream."""
        for stream in self._streams:
            stream.cancel()

    async def _get_state(self, request: web.Request) -> web.StreamResponse:
        user = request.query.get("user", "")
        try:
            body = console_state(self._state, user, connected=self._deliveries.connected)
        except SlackError as problem:
            return web.json_response(problem.answer(), status=404)
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        stream = asyncio.ensure_future(self._stream(response))
        self._streams.add(stream)
        try:
            await stream
        except (asyncio.CancelledError, ConnectionError):
            stream.cancel()
        finally:
            self._streams.discard(stream)
        return response

    async def _stream(self, response: web.StreamResponse) -> None:
        changes = self._state.changes
        while True:
            version = changes.version
            data = json.dumps({"version": version})
            await response.write(f"event: changed\ndata: {data}\n\n".encode())
            while not await changes.wait_past(version, KEEP_ALIVE_S):
                await response.write(b": keep-alive\n\n")
            await asyncio.sleep(COALESCE_S)

    async def _say(self, body: Json) -> Json:
        thread_ts = body.get("thread_ts") or None
        text = field(body, "text")
        return await self._people.say(field(body, "user"), field(body, "channel"), text, thread_ts)

    async def _action(self, body: Json) -> Json:
        container, action = section(body, "container"), section(body, "action")
        given = section(body, "state")
        return await self._people.act(field(body, "user"), container, action, given)

    async def _submit(self, body: Json) -> Json:
        user, view_id = field(body, "user"), field(body, "view_id")
        return await self._modals.submit(user, view_id, section(body, "state"))

    async def _close(self, body: Json) -> Json:
        user, view_id = field(body, "user"), field(body, "view_id")
        return await self._modals.close(user, view_id, cleared=bool(body.get("cleared")))

    async def _home(self, body: Json) -> Json:
        return await self._people.open_home(field(body, "user"))

    async def _shortcut(self, body: Json) -> Json:
        channel, ts = str(body.get("channel") or ""), str(body.get("ts") or "")
        return await self._shortcuts.run(
            field(body, "user"), field(body, "callback_id"), channel, ts
        )

    async def _options(self, body: Json) -> Json:
        if body.get("view_id"):
            container: Json = {"type": "view", "view_id": body["view_id"]}
        else:
            container = section(body, "container")
        return await self._people.options(
            field(body, "user"),
            container,
            field(body, "block_id"),
            field(body, "action_id"),
            str(body.get("value") or ""),
        )
