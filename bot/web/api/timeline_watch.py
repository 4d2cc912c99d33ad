"""Long polls of pages wait here until anything changes."""

from __future__ import annotations

import asyncio

from bot.ports.use_cases import UseCaseRunner
from bot.services import timeline

POLL_INTERVAL_S = 0.5


class TimelineWatch:
    """Asks the database for the revision, once for everybody who waits, and only while they do.

    The database and not the process's own memory, so that a change made by another replica is
    seen too.
    """

    def __init__(self, run: UseCaseRunner, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        self._run = run
        self._poll_interval_s = poll_interval_s
        self._asking: asyncio.Task[str] | None = None
        self._asked_at_s = 0.0

    async def wait(self, known: str, timeout_s: float) -> str:
        """Return the revision once it is not ``known``, or after ``timeout_s`` seconds."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        while True:
            revision = await self._ask()
            left_s = deadline_s - loop.time()
            if revision != known or left_s <= 0:
                return revision
            await asyncio.sleep(min(self._poll_interval_s, left_s))

    async def _ask(self) -> str:
        """Return the revision; who asks soon after somebody has asked gets the same answer."""
        now_s = asyncio.get_running_loop().time()
        if self._asking is None or (
            self._asking.done() and now_s - self._asked_at_s >= self._poll_interval_s / 2
        ):
            self._asked_at_s = now_s
            self._asking = asyncio.create_task(self._fetch())
        return await asyncio.shield(self._asking)

    async def _fetch(self) -> str:
        return await self._run(timeline.revision)
