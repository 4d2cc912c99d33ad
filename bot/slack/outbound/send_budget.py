"""One budget for everything that Berth sends to Slack, so that Slack never has to say no.

https://docs.slack.dev/apis/web-api/rate-limits: about one message a second and channel, and per
workspace and minute 50 edits (tier 3), 50 look-ups (tier 3) and 100 file calls (tier 4).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class MethodClass(StrEnum):
    """Calls that share a limit. Posts are counted per channel, the others per workspace."""

    POST = "post"
    UPDATE = "update"
    READ = "read"
    OPEN = "open"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Allowance:
    """``per_s`` calls a second in the long run, ``burst`` of them at once."""

    per_s: float
    burst: int = 1


# Slack counts a tier over a minute: a burst and what follows it must stay below the figure.
ALLOWANCES = {
    MethodClass.POST: Allowance(1.0),
    MethodClass.UPDATE: Allowance(45 / 60, burst=5),
    MethodClass.READ: Allowance(45 / 60, burst=5),
    MethodClass.OPEN: Allowance(45 / 60, burst=5),
    MethodClass.FILE: Allowance(90 / 60, burst=10),
}


class BudgetSpent(Exception):
    """The next call of this class is allowed only after ``wait``; nothing was taken."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"{wait.total_seconds():.1f} s")
        self.wait = wait


class SendBudget:
    """A token bucket per class of methods, and per channel for posts.

    Args:
        longest_wait: what `acquire` waits at most; a longer wait is the caller's to plan.
        monotonic_s: a running clock, in seconds.
        sleep: waits that many seconds.
    """

    _BUCKETS_KEPT = 1000

    def __init__(
        self,
        *,
        longest_wait: timedelta = timedelta(seconds=10),
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._longest_wait_s = longest_wait.total_seconds()
        self._now_s = monotonic_s
        self._sleep = sleep
        # Per bucket the instant at which it is full again, had it no burst (known as GCRA): one
        # number that needs no task to refill it.
        self._full_at_s: dict[tuple[MethodClass, str], float] = {}

    async def acquire(self, kind: MethodClass, channel_id: str = "") -> None:
        """Take one call, after waiting until it is allowed. First come, first served.

        Raises:
            BudgetSpent: the wait would be longer than ``longest_wait``.
        """
        key = self._key(kind, channel_id)
        allowance = ALLOWANCES[kind]
        now_s = self._now_s()
        full_at_s = max(self._full_at_s.get(key, now_s), now_s)
        wait_s = full_at_s - now_s - (allowance.burst - 1) / allowance.per_s
        if wait_s > self._longest_wait_s:
            raise BudgetSpent(timedelta(seconds=wait_s))
        self._full_at_s[key] = full_at_s + 1 / allowance.per_s
        self._forget_full_buckets(now_s)
        if wait_s > 0:
            await self._sleep(wait_s)

    def hold(self, kind: MethodClass, channel_id: str, pause: timedelta) -> None:
        """Allow no further call of this kind for ``pause``: Slack itself has asked for it."""
        allowance = ALLOWANCES[kind]
        key = self._key(kind, channel_id)
        until_s = self._now_s() + pause.total_seconds() + (allowance.burst - 1) / allowance.per_s
        self._full_at_s[key] = max(self._full_at_s.get(key, until_s), until_s)

    @staticmethod
    def _key(kind: MethodClass, channel_id: str) -> tuple[MethodClass, str]:
        return kind, channel_id if kind is MethodClass.POST else ""

    def _forget_full_buckets(self, now_s: float) -> None:
        if len(self._full_at_s) > self._BUCKETS_KEPT:
            busy = {key: full_s for key, full_s in self._full_at_s.items() if full_s > now_s}
            self._full_at_s = busy
