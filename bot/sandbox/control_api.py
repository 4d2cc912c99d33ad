"""`/control/*`: what tests read, and how they break things."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast, get_args

from aiohttp import web

from bot.sandbox.deliveries import Deliveries
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.faults import Fault, FaultKind
from bot.sandbox.options import BOT_USER_ID
from bot.sandbox.request_bodies import BadBody, field, json_endpoint, number, section
from bot.sandbox.socket_mode import SocketMode
from bot.sandbox.state import StandInState


class ControlApi:
    """Serves tests."""

    def __init__(self, state: StandInState, deliveries: Deliveries, sockets: SocketMode) -> None:
        self._state = state
        self._deliveries = deliveries
        self._sockets = sockets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this API."""
        posts = {
            "faults": self._faults,
            "disconnect": self._disconnect,
            "drop": self._drop,
            "redeliver": self._redeliver,
            "event": self._event,
            "archive": self._archive,
            "remove_bot": self._remove_bot,
            "deactivate": self._deactivate,
        }
        return [
            web.get("/control/state", self._get_state),
            *(web.post(f"/control/{name}", json_endpoint(do)) for name, do in posts.items()),
        ]

    async def _get_state(self, _request: web.Request) -> web.StreamResponse:
        state = self._state
        views = state.views
        body: dict[str, Any] = {
            "version": state.changes.version,
            "users": {user: state.workspace.person_json(user) for user in state.workspace.people},
            "channels": {
                channel.id: {
                    **state.workspace.channel_json(channel),
                    "members": sorted(channel.members),
                }
                for channel in state.workspace.channels.values()
            },
            "messages": {
                channel: sorted(messages.values(), key=lambda message: str(message["ts"]))
                for channel, messages in state.messages.by_channel.items()
            },
            "ephemerals": state.messages.ephemerals,
            "views": views.by_id,
            "stacks": views.stacks,
            "homes": {user: views.home(user) for user in views.homes},
            "files": [_file(stored) for stored in state.files.by_id.values()],
            "calls": list(state.log.calls),
            "acks": list(state.log.acks),
            "connections": self._sockets.count,
            "bot_connected": self._deliveries.connected,
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _faults(self, body: Json) -> Json:
        kind = field(body, "kind")
        if kind not in get_args(FaultKind):
            raise BadBody(f"no such kind of fault: {kind}")
        fault = Fault(
            kind=cast("FaultKind", kind),
            retry_after_s=int(number(body, "retry_after_s", 1)),
            delay_s=number(body, "delay_s", 1.0),
        )
        try:
            self._state.faults.add(field(body, "method"), fault, int(number(body, "times", 1)))
        except ValueError as problem:
            raise BadBody(str(problem)) from problem
        return {"ok": True}

    async def _disconnect(self, body: Json) -> Json:
        reason = str(body.get("reason") or "refresh_requested")
        return {"ok": True, "connections": await self._sockets.disconnect(reason)}

    async def _drop(self, body: Json) -> Json:
        how = field(body, "how")
        if how not in {"close", "abort"}:
            raise BadBody("how must be close or abort")
        count = await self._sockets.drop("close" if how == "close" else "abort")
        return {"ok": True, "connections": count}

    async def _redeliver(self, _body: Json) -> Json:
        ack = await self._deliveries.again()
        if ack is None:
            raise SlackError("nothing_delivered_yet")
        return {"ok": True, **asdict(ack)}

    async def _event(self, body: Json) -> Json:
        event = section(body, "event")
        field(event, "type")
        event.setdefault("event_ts", self._state.messages.next_ts())
        ack = await self._deliveries.event(event)
        return {"ok": True, **asdict(ack)}

    async def _archive(self, body: Json) -> Json:
        channel = self._state.workspace.channel(field(body, "channel"))
        channel.is_archived = True
        return self._changed({"type": "channel_archive", "channel": channel.id})

    async def _remove_bot(self, body: Json) -> Json:
        channel = self._state.workspace.channel(field(body, "channel"))
        channel.members.discard(BOT_USER_ID)
        return self._changed({"type": "channel_left", "channel": channel.id})

    async def _deactivate(self, body: Json) -> Json:
        person = self._state.workspace.person(field(body, "user"))
        person.deleted = True
        user = self._state.workspace.person_json(person.id)
        return self._changed({"type": "user_change", "user": user})

    def _changed(self, event: Json) -> Json:
        self._state.changes.bump()
        self._deliveries.tell({**event, "event_ts": self._state.messages.next_ts()})
        return {"ok": True}


def _file(stored: Any) -> Json:
    return {key: value for key, value in vars(stored).items() if key != "content"}
