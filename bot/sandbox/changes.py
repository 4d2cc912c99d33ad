"""Tells watchers that something visible changed."""

from __future__ import annotations

import asyncio


class Changes:
    """A counter that goes up with every visible change, and a way to wait for it."""

    def __init__(self) -> None:
        self.version = 0
        self._waiters: set[asyncio.Event] = set()

    def bump(self) -> None:
        """Count one change and wake every watcher."""
        self.version += 1
        for waiter in self._waiters:
            waiter.set()

    async def wait_past(self, version: int, timeout_s: float) -> bool:
        """Wait until the counter has passed `version`.

        Returns:
            False if `timeout_s` went by without a change.
        """
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        try:
            if self.version > version:
                return True
            async with asyncio.timeout(timeout_s):
                await waiter.wait()
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True
