"""A TCP proxy on loopback that a test can cut, or let die in the middle of what goes through."""

from __future__ import annotations

import asyncio
import contextlib


class CutProxy:
    """Passes bytes on to ``target_port``, as long as it may.

    ``cut_after_bytes``: after so many bytes towards the target (``up``) or back (``down``) every
    connection is reset, once.  While ``passing`` is not set nothing passes and nothing is refused,
    as on a network that loses every packet.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.cut_after_bytes: dict[str, int] = {}
        self.cuts = 0
        self.passed = {"up": 0, "down": 0}
        self.passing = asyncio.Event()
        self.passing.set()
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(back)
            await asyncio.gather(self._pass(reader, back, "up"), self._pass(there, writer, "down"))
        except OSError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(16_384):
                await self.passing.wait()
                self.passed[way] += len(data)
                limit = self.cut_after_bytes.get(way)
                if limit is not None and self.passed[way] >= limit:
                    del self.cut_after_bytes[way]
                    self.cuts += 1
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
