"""`/control/*`: what tests read, and how they break things."""

from __future__ import annotations

from collections.abc import Callable
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

    async def _get_state(self, request: web.Request) -> web.StreamResponse:
        """Answer with everything, or with the parts that `?only=a,b` names."""
        state, views = self._state, self._state.views
        parts: dict[str, Callable[[], Any]] = {
            "version": lambda: state.changes.version,
            "users": self._users,
            "channels": self._channels,
            "messages": self._messages,
            "ephemerals": lambda: state.messages.ephemerals,
            "views": lambda: views.by_id,
            "stacks": lambda: views.stacks,
            "homes": lambda: {user: views.home(user) for user in views.homes},
            "files": lambda: [_file(stored) for stored in state.files.by_id.values()],
            "calls": lambda: list(state.log.calls),
            "acks": lambda: list(state.log.acks),
            "faults": state.faults.waiting,
            "connections": lambda: self._sockets.count,
            "bot_connected": lambda: self._deliveries.connected,
        }
        wanted = request.query["only"].split(",") if "only" in request.query else list(parts)
        body = {name: parts[name]() for name in wanted if name in parts}
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    def _users(self) -> Json:
        workspace = self._state.workspace
        return {user: workspace.person_json(user) for user in workspace.people}

    def _channels(self) -> Json:
        workspace = self._state.workspace
        return {
            channel.id: {**workspace.channel_json(channel), "members": sorted(channel.members)}
            for channel in workspace.channels.values()
        }

    def _messages(self) -> Json:
        return {
            channel: sorted(messages.values(), key=lambda message: str(message["ts"]))
            for channel, messages in self._state.messages.by_channel.items()
        }

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
