"""What to do next, as a pure function of what is desired, what is known and the time.

Carrying the actions out and asking again gives none: a message may come late, twice, or not at
all, and an agent may die between any two steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.protocol.messages import (
    DesiredAttempt,
    DesiredState,
    EndCause,
    ResumePoint,
    StopReason,
)

KILL_AGAIN_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class KnownAttempt:
    """One attempt that this agent has taken on, in this life or an earlier one.

    Attributes:
        live: not yet seen to be over; its GPUs are taken.
        accepted_at: by the control plane's clock, as is ``claim_ends_at``; the others are by
            this host's clock.
        kill_by: when leftovers of a training that is over are killed; None while it runs.
        stale: the control plane has disowned it.
        waits: it is not started yet; ``resume`` is then what it is to go on from.
        gone: the kernel knows none of its processes any more; there is nothing to be killed.
    """

    attempt_id: int
    run_id: int
    fence: int
    gpu_uuids: frozenset[str]
    live: bool
    accepted_at: datetime
    claim_ends_at: datetime
    kill_after_s: float
    stop: StopReason | None = None
    stop_by_agent: bool = False
    stop_sent_at: datetime | None = None
    kill_sent_at: datetime | None = None
    kill_by: datetime | None = None
    stale: bool = False
    waits: bool = False
    resume: ResumePoint | None = None
    gone: bool = False

    def grace_s(self) -> float:
        """Return the seconds between SIGTERM and SIGKILL.

        A claim that is short beside ``kill_after_s`` would otherwise be all grace.
        """
        if not self.stop_by_agent:
            return self.kill_after_s
        return min(self.kill_after_s, self._claim_s() / 2)

    def stops_itself_at(self, margin_s: float) -> datetime:
        """Return when the agent stops it unasked, so that it is gone when the claim ends."""
        claim_s = self._claim_s()
        lead_s = min(self.kill_after_s, claim_s / 2) + min(margin_s, claim_s / 10)
        return self.claim_ends_at - timedelta(seconds=lead_s)

    def _claim_s(self) -> float:
        return max(0.0, (self.claim_ends_at - self.accepted_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Start:
    """Start a trainer for an attempt that was never started."""

    desired: DesiredAttempt


@dataclass(frozen=True, slots=True)
class EndUnstarted:
    """Record the end of an attempt that is not started any more."""

    desired: DesiredAttempt
    cause: EndCause
    detail: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Take over a changed end of the claim or a changed grace."""

    desired: DesiredAttempt


@dataclass(frozen=True, slots=True)
class StopSoftly:
    """Ask a trainer to stop. ``by_agent``: the claim ends and nobody has said so."""

    attempt_id: int
    reason: StopReason
    by_agent: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill every process of an attempt."""

    attempt_id: int


Action = Start | EndUnstarted | Renew | StopSoftly | Kill


def plan(
    desired: DesiredState | None,
    known: Sequence[KnownAttempt],
    now: datetime,
    *,
    margin_s: float,
    server_offset_s: float = 0.0,
) -> tuple[Action, ...]:
    """Return what is to be done now; stops come before starts.

    Args:
        desired: the latest desired state, or None before the first one: then nothing is absent.
        known: every attempt taken on, forgotten ones included.
        now: this host's clock.
        margin_s: slack between the agent's own SIGKILL and the end of a claim.
        server_offset_s: the control plane's clock minus this host's.
    """
    wanted: dict[int, DesiredAttempt] = {}
    for one in () if desired is None else desired.attempts:
        wanted.setdefault(
            one.attempt_id, one
        )  # of an attempt that is listed twice the first counts
    fences = _highest_fences(known, wanted.values())
    server_now = now + timedelta(seconds=server_offset_s)
    times = _Times(now, server_now, margin_s)
    actions: list[Action] = []
    for attempt in known:
        if attempt.live:
            listed = wanted.get(attempt.attempt_id)
            is_unwanted = desired is not None and (
                listed is None or fences[attempt.run_id] > attempt.fence
            )
            actions.extend(_tend(attempt, listed, is_unwanted=is_unwanted, times=times))
    actions.extend(_starts(wanted.values(), known, fences, server_now))
    return tuple(actions)


@dataclass(frozen=True, slots=True)
class _Times:
    now: datetime
    server_now: datetime
    margin_s: float


def _tend(
    attempt: KnownAttempt, listed: DesiredAttempt | None, *, is_unwanted: bool, times: _Times
) -> list[Action]:
    actions: list[Action] = []
    if listed is not None and listed.fence == attempt.fence and _differs(listed, attempt):
        actions.append(Renew(listed))
        attempt = replace(
            attempt, claim_ends_at=listed.claim_ends_at, kill_after_s=listed.kill_after_s
        )
    stop = _stop(attempt, listed, is_unwanted=is_unwanted, times=times)
    if stop is not None:
        actions.append(stop)
        attempt = replace(
            attempt, stop=stop.reason, stop_by_agent=stop.by_agent, stop_sent_at=times.now
        )
    if _kill_is_due(attempt, times.now):
        actions.append(Kill(attempt.attempt_id))
    return actions


def _stop(
    attempt: KnownAttempt, listed: DesiredAttempt | None, *, is_unwanted: bool, times: _Times
) -> StopSoftly | None:
    if attempt.stop is not None or attempt.kill_by is not None:
        return None
    if listed is not None and listed.fence == attempt.fence and listed.stop is not None:
        return StopSoftly(attempt.attempt_id, listed.stop)
    if is_unwanted or attempt.stale:
        return StopSoftly(attempt.attempt_id, StopReason.REQUESTED)
    if times.server_now >= attempt.stops_itself_at(times.margin_s):
        return StopSoftly(attempt.attempt_id, StopReason.EXPIRED, by_agent=True)
    return None


def _differs(listed: DesiredAttempt, attempt: KnownAttempt) -> bool:
    return (
        listed.kill_after_s != attempt.kill_after_s
        or listed.claim_ends_at != attempt.claim_ends_at
        or (attempt.waits and listed.resume != attempt.resume)
    )


def _kill_is_due(attempt: KnownAttempt, now: datetime) -> bool:
    if attempt.gone or attempt.waits:
        return False
    if attempt.kill_sent_at is not None and now < attempt.kill_sent_at + KILL_AGAIN_AFTER:
        return False
    if attempt.kill_by is not None and now >= attempt.kill_by:
        return True
    if attempt.stop_sent_at is None:
        return False
    return now >= attempt.stop_sent_at + timedelta(seconds=attempt.grace_s())


def _starts(
    listed: Iterable[DesiredAttempt],
    known: Sequence[KnownAttempt],
    fences: Mapping[int, int],
    server_now: datetime,
) -> list[Action]:
    seen = {attempt.attempt_id for attempt in known}
    busy_gpus = {uuid for attempt in known if attempt.live for uuid in attempt.gpu_uuids}
    busy_runs = {attempt.run_id for attempt in known if attempt.live}
    actions: list[Action] = []
    for wanted in listed:
        if wanted.attempt_id in seen or wanted.fence < fences[wanted.run_id]:
            continue
        ended = _over_before_it_began(wanted, server_now)
        if ended is not None:
            actions.append(ended)
        elif wanted.run_id not in busy_runs and busy_gpus.isdisjoint(wanted.gpu_uuids):
            busy_gpus.update(wanted.gpu_uuids)
            busy_runs.add(wanted.run_id)
            actions.append(Start(wanted))
    return actions


def _over_before_it_began(wanted: DesiredAttempt, server_now: datetime) -> EndUnstarted | None:
    if wanted.stop is StopReason.EXPIRED or wanted.claim_ends_at <= server_now:
        return EndUnstarted(wanted, EndCause.EXPIRED, "The slot ended before the training began.")
    if wanted.stop is not None:
        return EndUnstarted(wanted, EndCause.STOPPED, "It was stopped before it began.")
    return None


def _highest_fences(
    known: Sequence[KnownAttempt], listed: Iterable[DesiredAttempt]
) -> Mapping[int, int]:
    pairs = [(one.run_id, one.fence) for one in known] + [(o.run_id, o.fence) for o in listed]
    fences: dict[int, int] = {}
    for run_id, fence in pairs:
        fences[run_id] = max(fence, fences.get(run_id, 0))
    return fences
