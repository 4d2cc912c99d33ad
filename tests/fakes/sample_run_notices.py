"""Notices about runs that go on, are tried again or start late, as samples for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.continuations import ContinuationReason
from bot.domain.notice_base import Notice
from bot.domain.notices import RunEnded
from bot.domain.run_notices import (
    ContinuationDropped,
    ContinuationPlanned,
    HandoverWaits,
    RunHandedOn,
    RunRetried,
    RunRetries,
    StartUnconfirmed,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
GPUS = ("gpu0@host1", "gpu1@host1")
NASTY = "<!channel> `*_~ @here ```"


def sample_run_notices() -> tuple[Notice, ...]:
    """Return at least one of every kind."""
    return (
        *(ContinuationPlanned(12, 13, reason, NOW, LATER, GPUS) for reason in ContinuationReason),
        ContinuationPlanned(12, 13, "of a newer release", NOW, LATER, GPUS, False, "U0ALICE"),
        ContinuationDropped(12, 13, NASTY, run_over=False, holder_slack_id="U0ALICE"),
        ContinuationDropped(12, 13, "the training is done", run_over=True),
        RunHandedOn(13, 12, "asked", NOW, GPUS, 40, 100),
        RunRetries(12, "crashed", NASTY, 1, 3, NOW, "host1", 0, 100, ("Traceback", NASTY)),
        RunRetries(12, "killed", "", 2, 3, NOW, "host1", 40, 100),
        RunRetried(12, "U0ALICE", NOW, 8),
        RunRetried(12, "U0ALICE", NOW),
        StartUnconfirmed(12, "U0ALICE", "host1", False, NOW, NOW, LATER),
        StartUnconfirmed(12, "U0ALICE", "host1", True, NOW, NOW, LATER),
        HandoverWaits(13, "U0ALICE", 12, "U0BOB", GPUS, "host1", True, NOW, False),
        HandoverWaits(13, "U0ALICE", 12, "U0BOB", GPUS, "host1", False, NOW, True),
        RunEnded(12, 7, "failed", "crashed", not_retried="tries", tries=4),
        RunEnded(12, 7, "failed", "crashed", not_retried="time", reservation_ends_at=NOW),
        RunEnded(12, 7, "failed", "out_of_memory", batch=64, batch_that_fits=32),
    )
