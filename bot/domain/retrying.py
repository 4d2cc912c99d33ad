"""Whether a run that failed is tried again by itself, and when: a pure rule over its attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.policy import Policy

MAY_PASS = frozenset({"crashed", "killed", "host_lost", "disk_full"})
"""Causes (`EndCause`) that may be gone at the next try.

Not among them: out of memory, which would come again with the same batch; a data error, a training
that diverges and a host that refuses, which no time mends.
"""


class NotRetried(StrEnum):
    """Why a run is not tried again: its ``cause``, too many ``tries``, or too little ``time``."""

    CAUSE = "cause"
    TRIES = "tries"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that is over: how far it came, and whether it failed rather than was stopped."""

    reached_epoch: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Try ``number`` of ``most`` at ``at``, or ``refused`` and why."""

    number: int
    most: int
    at: datetime
    refused: NotRetried | None = None

    @property
    def may_go_on_elsewhere(self) -> bool:
        """Tell whether only time is missing here, which another reservation has."""
        return self.refused in (None, NotRetried.TIME)


def failures_in_a_row(attempts: Sequence[PastAttempt]) -> int:
    """Return how many attempts have failed since one came further than all before it.

    An attempt that makes progress starts the count anew, and its own failure is the first again: a
    run that crashes once a day is not given up after three days.
    """
    failures, furthest = 0, 0
    for attempt in attempts:
        if attempt.reached_epoch > furthest:
            failures, furthest = 0, attempt.reached_epoch
        failures += attempt.failed
    return failures


def backoff(failures: int, policy: Policy) -> timedelta:
    """Return how long to wait after so many failures in a row: twice as long each time."""
    factor: int = 1 << min(max(failures - 1, 0), 32)
    return min(policy.retry_first * factor, policy.retry_longest)


def judge(
    cause: str,
    attempts: Sequence[PastAttempt],
    *,
    now: datetime,
    stops_at: datetime,
    policy: Policy,
) -> Verdict:
    """Decide about another try of a run whose last attempt failed.

    Args:
        cause: an `EndCause` of the last attempt.
        attempts: all attempts, oldest first, the failed one last.
        now: the instant of the decision.
        stops_at: when a run in its reservation is asked to stop.
        policy: how many tries, how far apart, and how much time one needs.
    """
    failures = max(failures_in_a_row(attempts), 1)
    at = now + backoff(failures, policy)
    refused = None
    if cause not in MAY_PASS:
        refused = NotRetried.CAUSE
    elif failures > policy.retries:
        refused = NotRetried.TRIES
    elif stops_at - at < policy.retry_needs:
        refused = NotRetried.TIME
    return Verdict(failures, policy.retries, at, refused)
