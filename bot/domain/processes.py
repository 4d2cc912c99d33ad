"""Processes on GPUs that no booking explains: which those are, and how they are shown.

A booking without a training may use its GPUs by any process: that is what it is for.  Beside a
training, on a GPU that nobody has booked, or on one that somebody else has, a process is foreign.
Whose it is is never guessed from a name: an admin has said so, or somebody has taken it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProcessState(StrEnum):
    """What became of a process that no booking explained."""

    SEEN = "seen"
    """Once; it is told only when a later reading shows it again."""
    OPEN = "open"
    ADOPTED = "adopted"
    COVERED = "covered"
    """A booking explains it by now."""
    GONE = "gone"


class RoguePolicy(StrEnum):
    """What Berth does by itself about processes that nobody booked."""

    REPORT = "report"
    STOP_AFTER_NOTICE = "stop_after_notice"


class StopOutcome(StrEnum):
    """What an agent did when it was asked to stop a process."""

    SIGNALLED = "signalled"
    GONE = "gone"
    ANOTHER = "another"
    """The process of that id is another one by now; it was left alone."""
    ROOT = "root"
    """It belongs to root, and the host's agent may not touch those."""
    OURS = "ours"
    """It belongs to a training of Berth, or to the agent itself."""
    REFUSED = "refused"
    """The system did not let the agent signal it."""


@dataclass(frozen=True, slots=True)
class GpuNow:
    """A GPU that a process is on, and who has booked it now, if anybody has."""

    name: str
    reservation_id: int | None = None
    holder_member_id: int | None = None
    holder_slack_id: str = ""
    until: datetime | None = None
    trains: bool = False


def is_foreign(
    gpus: Sequence[GpuNow], *, owner_member_id: int | None, adopted_by_member_id: int | None
) -> bool:
    """Tell whether the bookings of its GPUs leave a process unexplained.

    Args:
        gpus: all that it is on.
        owner_member_id: whose Unix user it runs as, where an admin has said so.
        adopted_by_member_id: who has said that it is theirs.
    """
    theirs = {one for one in (owner_member_id, adopted_by_member_id) if one is not None}
    return any(not _explains(gpu, theirs, owner_member_id) for gpu in gpus)


def _explains(gpu: GpuNow, theirs: set[int], owner_member_id: int | None) -> bool:
    if gpu.reservation_id is None:
        return False
    if gpu.holder_member_id in theirs:
        return True
    return owner_member_id is None and not gpu.trains


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process as it is shown; memory in MiB over all its GPUs.

    ``likely_slack_id`` is who most likely started it: by their Unix user, or since the GPU was
    theirs when it began.  ``stop_at`` is when policy stops it by itself.  ``stop_asked_by`` is a
    Slack id, or ``policy``; ``stop_outcome`` a `StopOutcome`, empty until the agent has answered.
    """

    process_id: int
    version: int
    state: ProcessState
    host_name: str
    pid: int
    user: str
    command: str
    started_at: datetime | None
    first_seen_at: datetime
    memory_mib: float | None
    gpus: tuple[GpuNow, ...]
    likely_slack_id: str = ""
    adopted_by_slack_id: str = ""
    denied_by: tuple[str, ...] = ()
    stop_at: datetime | None = None
    stop_asked_by: str = ""
    stop_asked_at: datetime | None = None
    stop_outcome: str = ""
    gone_at: datetime | None = None
