"""Socket Mode: the app's own websockets.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Literal

from aiohttp import WSMsgType, web

from bot.sandbox.courier import Ack, Envelope
from bot.sandbox.errors import Json
from bot.sandbox.options import APP_ID
from bot.sandbox.state import StandInState

CONNECTIONS_MAX = 10


class _Connection:
    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.request = request
        self.draining = False


class SocketMode:
    """The app's connections, used in turn."""

    def __init__(self, state: StandInState) -> None:
        self._state = state
        self._connections: list[_Connection] = []
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._turn = 0

    @property
    def connected(self) -> bool:
        """Whether some connection takes envelopes."""
        return any(not connection.draining for connection in self._connections)

    @property
    def count(self) -> int:
        """How many connections are open, those about to be replaced too."""
        return len(self._connections)

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket. A ticket opens one connection only."""
        if not self._state.spend_socket_ticket(request.query.get("ticket", "")):
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=401)
        socket = web.WebSocketResponse(autoping=True, max_msg_size=16 * 2**20)
        await socket.prepare(request)
        connection = _Connection(socket, request)
        self._connections.append(connection)
        self._state.changes.bump()
        try:
            await socket.send_json(self._hello())
            if len(self._connections) > CONNECTIONS_MAX:
                await self._say_disconnect(connection, "too_many_websockets")
            await self._read(socket)
        except ConnectionError:
            pass  # The app is gone; it will connect again.
        finally:
            self._connections.remove(connection)
            self._state.changes.bump()
        return socket

    async def deliver(self, envelope: Envelope) -> Ack:
        """Send an envelope over the next connection and wait for its acknowledgement."""
        started_s = time.perf_counter()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[envelope.id] = future
        try:
            async with asyncio.timeout(self._state.options.ack_deadline_s):
                if not await self._send(_frame(envelope)):
                    reason = "connection_failed"
                    return Ack(False, 0.0, failure="app_not_connected", retry_reason=reason)
                payload = await future
        except TimeoutError:
            ms = (time.perf_counter() - started_s) * 1000
            return Ack(False, ms, failure="operation_timeout", retry_reason="timeout")
        finally:
            self._pending.pop(envelope.id, None)
        return Ack(True, (time.perf_counter() - started_s) * 1000, payload)

    async def disconnect(self, reason: str) -> int:
        """Announce to every connection that it should be replaced, and use it no more.

        Returns:
            To how many connections it was said.
        """
        told = [connection for connection in self._connections if not connection.draining]
        for connection in told:
            await self._say_disconnect(connection, reason)
        self._state.changes.bump()
        return len(told)

    async def drop(self, how: Literal["close", "abort"]) -> int:
        """Cut every connection: with a close frame, or by a TCP reset.

        Returns:
            How many were cut.
        """
        cut = list(self._connections)
        for connection in cut:
            connection.draining = True
            if how == "close":
                await connection.socket.close()
            elif connection.request.transport is not None:
                connection.request.transport.abort()
        return len(cut)

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            frame: Json = json.loads(message.data)
            future = self._pending.pop(frame.get("envelope_id", ""), None)
            if future is not None and not future.done():
                future.set_result(frame.get("payload"))

    async def _send(self, frame: str) -> bool:
        usable = [connection for connection in self._connections if not connection.draining]
        for _ in range(len(usable)):
            self._turn += 1
            connection = usable[self._turn % len(usable)]
            try:
                await connection.socket.send_str(frame)
            except ConnectionError:
                connection.draining = True
            else:
                return True
        return False

    async def _say_disconnect(self, connection: _Connection, reason: str) -> None:
        connection.draining = True
        info = {"host": "applink-local"}
        await connection.socket.send_json(
            {"type": "disconnect", "reason": reason, "debug_info": info}
        )

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "debug_info": {"host": "applink-local", "approximate_connection_time": 18060},
            "connection_info": {"app_id": APP_ID},
        }


def _frame(envelope: Envelope) -> str:
    is_event = envelope.kind == "events_api"
    frame: Json = {
        "envelope_id": envelope.id,
        "type": envelope.kind,
        "accepts_response_payload": not is_event,
        "payload": envelope.payload,
    }
    if is_event:
        frame["retry_attempt"] = envelope.retry_attempt
        frame["retry_reason"] = envelope.retry_reason
    return json.dumps(frame)
