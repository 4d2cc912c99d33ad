"""Request bodies that lie on disk while they are large, so that memory stays bounded."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import IO

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

IN_MEMORY_BYTES = 2**20


class ReceivedBody:
    """A body that has arrived whole; beyond a megabyte it lies on disk, not in memory."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes

    def chunks(self) -> Iterator[bytes]:
        """Return it from the beginning, piece by piece; for worker threads."""
        self._file.seek(0)
        while chunk := self._file.read(IN_MEMORY_BYTES):
            yield chunk


async def _parts(request: Request) -> AsyncIterator[bytes]:
    """Return the body as it arrives.

    Raises:
        HTTPException: 408, the connection broke off; nobody reads the answer.
    """
    try:
        async for part in request.stream():
            yield part
    except ClientDisconnect as error:
        raise HTTPException(408, "the connection broke off") from error


@asynccontextmanager
async def received_body(request: Request, largest_bytes: int) -> AsyncIterator[ReceivedBody]:
    """Receive the body of a request, refused as soon as it is seen to be too large.

    Raises:
        HTTPException: 413, the body is larger than ``largest_bytes``; 408, it broke off.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        size = 0
        waiting: list[bytes] = []
        waiting_bytes = 0
        async for part in _parts(request):
            size += len(part)
            if size > largest_bytes:
                raise HTTPException(413, f"larger than {largest_bytes} bytes")
            waiting.append(part)
            waiting_bytes += len(part)
            if waiting_bytes >= IN_MEMORY_BYTES:  # a disk may be slow: not in the event loop
                await run_in_threadpool(file.writelines, waiting)
                waiting, waiting_bytes = [], 0
        file.writelines(waiting)
        yield ReceivedBody(file, size)
