"""Waiting for one of two things."""

from __future__ import annotations

import asyncio


async def wait_and_clear(event: asyncio.Event, timeout_s: float) -> None:
    """Return once ``event`` is set or the time is over, and clear it."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
