"""One kind of due work: woken at its next due time, when told, and every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.ports.clock import Clock

log = structlog.get_logger(__name__)

SAFETY_INTERVAL = timedelta(seconds=5)
BLOCKED_INTERVAL = timedelta(seconds=1)
"""Pause where something is due but may not be taken yet, because something before it waits."""


class Wheel:
    """Calls ``work`` for as long as it finds something to do, then sleeps until the next due time.

    ``work`` does one round and returns how many things it took; ``next_due`` tells when there is
    something again, or None.  Neither may rely on being called at any particular time: whatever
    is missed is found by the next turn, at most `SAFETY_INTERVAL` later.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        work: Callable[[], Awaitable[int]],
        next_due: Callable[[], Awaitable[datetime | None]],
    ) -> None:
        self._name = name
        self._clock = clock
        self._work = work
        self._next_due = next_due
        self._job: Job | None = None
        self._turning = asyncio.Lock()
        self._asked_again = False

    def attach(self, scheduler: AsyncIOScheduler) -> None:
        """Let the scheduler turn the wheel."""
        self._job = scheduler.add_job(
            self.turn,
            "interval",
            seconds=SAFETY_INTERVAL.total_seconds(),
            id=self._name,
            next_run_time=self._clock.now(),
            max_instances=2,  # a turn that finds another in progress returns at once
            coalesce=True,
            misfire_grace_time=None,
        )

    def wake(self) -> None:
        """Turn now, or once more if a turn is in progress. To be called in the event loop."""
        if self._turning.locked():
            self._asked_again = True
        elif self._job is not None:
            self._job.modify(next_run_time=self._clock.now())

    async def turn(self) -> None:
        """Do all that is due and arrange the next turn. A failure never stops the wheel."""
        if self._turning.locked():
            self._asked_again = True
            return
        async with self._turning:
            try:
                await self._work_off()
            except Exception:
                log.exception("clockwork_turn_failed", wheel=self._name)
                self._sleep_until(self._clock.now() + SAFETY_INTERVAL)

    async def _work_off(self) -> None:
        while True:
            self._asked_again = False
            due = await self._next_due()
            now = self._clock.now()
            if due is not None and due <= now and await self._work():
                continue
            if self._asked_again:
                continue
            self._sleep_until(_next_turn(due, now))
            return

    def _sleep_until(self, instant: datetime) -> None:
        if self._job is not None:
            self._job.modify(next_run_time=instant)


def _next_turn(due: datetime | None, now: datetime) -> datetime:
    if due is None:
        return now + SAFETY_INTERVAL
    if due <= now:
        return now + BLOCKED_INTERVAL
    return min(due, now + SAFETY_INTERVAL)
