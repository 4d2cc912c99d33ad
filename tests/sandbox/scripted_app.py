"""An app that speaks Socket Mode by hand, so that a test decides every acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

Json = dict[str, Any]
SILENCE = object()
"""What a script returns to send no acknowledgement."""


class ScriptedApp:
    """One connection. `answer` gets each envelope and returns the acknowledgement's payload."""

    def __init__(self, answer: Callable[[Json], Any]) -> None:
        self.answer = answer
        self.envelopes: list[Json] = []
        self.others: list[Json] = []
        self.greeted = asyncio.Event()
        self.closed = asyncio.Event()

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            frame = json.loads(message.data)
            if "envelope_id" not in frame:
                self.others.append(frame)
                self.greeted.set()
                continue
            self.envelopes.append(frame)
            payload = self.answer(frame)
            if payload is not SILENCE:
                ack = {"envelope_id": frame["envelope_id"]}
                await socket.send_json(ack if payload is None else {**ack, "payload": payload})
        self.closed.set()


@contextlib.asynccontextmanager
async def scripted(
    api_url: str, answer: Callable[[Json], Any] = lambda _envelope: None
) -> AsyncIterator[ScriptedApp]:
    app = ScriptedApp(answer)
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer xapp-local"}
        async with session.post(f"{api_url}apps.connections.open", headers=headers) as opened:
            url = (await opened.json())["url"]
        async with session.ws_connect(url) as socket:
            reader = asyncio.create_task(app.read(socket))
            await app.greeted.wait()
            try:
                yield app
            finally:
                await socket.close()
                reader.cancel()
