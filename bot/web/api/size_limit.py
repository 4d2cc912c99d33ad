"""Bodies of bounded size, whatever the routes below read."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY_BYTES = 64 * 1024


class SizeLimit:
    """Refuses a body as soon as it is seen to be too large, with 413."""

    def __init__(self, app: ASGIApp, largest_bytes: int = LARGEST_BODY_BYTES) -> None:
        self._app = app
        self._largest_bytes = largest_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what is read of it."""
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._largest_bytes:
                raise HTTPException(413, f"A body may have {self._largest_bytes} bytes at most")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)
