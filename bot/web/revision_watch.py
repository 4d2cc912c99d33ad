"""Long polls wait here until something changes for their host."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import structlog

from bot.ports.use_cases import UseCaseRunner
from bot.services import hosts

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 0.25


class RevisionWatch:
    """Asks the database for the revisions of all hosts, once for everybody who waits.

    The database and not the process's own memory, so that a change made by another replica is
    seen too.  Nothing is asked while nobody waits.
    """

    def __init__(self, run: UseCaseRunner, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        self._run = run
        self._poll_interval_s = poll_interval_s
        self._waiting: defaultdict[int, set[asyncio.Future[int]]] = defaultdict(set)
        self._known: dict[asyncio.Future[int], int] = {}
        self._poller: asyncio.Task[None] | None = None

    async def wait(self, host_id: int, revision: int, timeout_s: float) -> None:
        """Return when the host's revision is not ``revision``, or after ``timeout_s`` seconds."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[host_id].add(future)
        self._known[future] = revision
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return
        finally:
            self._waiting[host_id].discard(future)
            self._known.pop(future, None)

    async def _poll(self) -> None:
        try:
            while self._known:
                revisions = await self._run(hosts.desired_revisions)
                self._answer(revisions)
                await asyncio.sleep(self._poll_interval_s)
        except Exception:
            log.exception("revision_watch_failed")
            self._answer({})

    def _answer(self, revisions: dict[int, int]) -> None:
        for host_id, futures in self._waiting.items():
            current = revisions.get(host_id, -1)
            for future in futures:
                if not future.done() and self._known.get(future) != current:
                    future.set_result(current)

    async def close(self) -> None:
        """Stop asking; whoever waits is answered at its own timeout."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
