"""Whether the GPUs of a reservation are used, and when to ask about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.policy import Policy
from bot.domain.time_window import TimeWindow


class UsageQuestion(StrEnum):
    """Why somebody is asked: nobody came, or nothing goes on any more."""

    NO_SHOW = "no_show"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What is known of one GPU: when it was read last, and when it last did something.

    ``process_at`` is the last instant at which a process was on it, ``busy_at`` the last one of
    real use; an instant at which that could not be ruled out counts as one at which it was so.
    """

    read_at: datetime | None
    process_at: datetime | None
    busy_at: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that an answer rests on. ``kept_until`` is how long its holder has silenced us."""

    window: TimeWindow
    gpus: tuple[GpuUse, ...]
    hosts_online: bool
    run_unfinished: bool
    kept_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has shown: ask now (unused since ``since``), or look again at ``again_at``."""

    question: UsageQuestion | None
    since: datetime | None
    again_at: datetime


def is_evident(evidence: Evidence, now: datetime, policy: Policy) -> bool:
    """Tell whether the readings are good enough to say anything: all hosts there, none too old."""
    oldest = now - policy.reading_good_for
    return evidence.hosts_online and all(
        gpu.read_at is not None and gpu.read_at >= oldest for gpu in evidence.gpus
    )


def last_use(evidence: Evidence) -> datetime | None:
    """Return the last instant of the window at which a process or real use was seen, or None."""
    seen = [
        instant
        for gpu in evidence.gpus
        for instant in (gpu.process_at, gpu.busy_at)
        if instant is not None and instant >= evidence.window.start
    ]
    return max(seen, default=None)


def look(evidence: Evidence, now: datetime, policy: Policy) -> Look:
    """Decide whether to ask the holder.

    One used GPU is enough: who works on one of four may be about to use the others.  Without
    evidence nothing is asked, nor while a run is unfinished, nor while the holder has said Keep,
    nor when the reservation is over before silence would release it.
    """
    soon = now + policy.reading_good_for
    if now + policy.usage_answer_within >= evidence.window.end:
        return Look(None, None, evidence.window.end)
    if evidence.kept_until is not None and evidence.kept_until > now:
        return Look(None, None, evidence.kept_until)
    if evidence.run_unfinished or not is_evident(evidence, now, policy):
        return Look(None, None, soon)
    question, since = UsageQuestion.NO_SHOW, evidence.window.start
    due = since + policy.no_show_after
    if last_use(evidence) is not None:
        question = UsageQuestion.IDLE
        busy = [gpu.busy_at for gpu in evidence.gpus if gpu.busy_at is not None]
        since = max([evidence.window.start, *busy])
        due = since + policy.idle_after
    return Look(question, since, soon) if now >= due else Look(None, None, due)
