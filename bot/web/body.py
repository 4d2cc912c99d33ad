"""Request bodies of bounded size."""

from __future__ import annotations

from fastapi import HTTPException, Request


async def read_body(request: Request, largest_bytes: int) -> bytes:
    """Return the body of a request, refused as soon as it is seen to be too large.

    Raises:
        HTTPException: 413, the body is larger than ``largest_bytes``.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > largest_bytes:
            raise HTTPException(413, f"larger than {largest_bytes} bytes")
        parts.append(part)
    return b"".join(parts)
