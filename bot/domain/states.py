"""States of reservations, runs and attempts, and the moves between them that are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ReservationState(StrEnum):
    """``pending`` holds its window until somebody approves it, ``offered`` until somebody takes it.

    ``releasing``: given up while its run is still being stopped; the GPUs are not free yet.
    """

    PENDING = "pending"
    OFFERED = "offered"
    BOOKED = "booked"
    ACTIVE = "active"
    RELEASING = "releasing"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will happen to it."""
        return self in (ReservationState.ENDED, ReservationState.CANCELLED)

    @property
    def is_ahead(self) -> bool:
        """Tell whether it has not started: its window is held, and can still be given up whole."""
        return self in (ReservationState.PENDING, ReservationState.OFFERED, ReservationState.BOOKED)


class ReservationKind(StrEnum):
    """``work`` is booked, ``queued`` is a short job on idle GPUs, ``maintenance`` a block."""

    WORK = "work"
    QUEUED = "queued"
    MAINTENANCE = "maintenance"


class RunState(StrEnum):
    """``waiting`` for its reservation, ``starting`` on the host, then on to its end.

    ``retrying``: it failed in a way that may pass, and is tried again in the same reservation.
    """

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    PREEMPTED = "preempted"
    EXPIRED = "expired"
    HOST_LOST = "host_lost"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Tell whether the run has ended, in whatever way; only a person tries it again then."""
        return self in _ENDS or self is RunState.CANCELLED


RESERVATION_MOVES: Mapping[ReservationState, frozenset[ReservationState]] = {
    ReservationState.PENDING: frozenset({ReservationState.BOOKED, ReservationState.CANCELLED}),
    ReservationState.OFFERED: frozenset(
        {ReservationState.PENDING, ReservationState.BOOKED, ReservationState.CANCELLED}
    ),
    ReservationState.BOOKED: frozenset({ReservationState.ACTIVE, ReservationState.CANCELLED}),
    ReservationState.ACTIVE: frozenset({ReservationState.RELEASING, ReservationState.ENDED}),
    ReservationState.RELEASING: frozenset({ReservationState.ENDED}),
    ReservationState.ENDED: frozenset(),
    ReservationState.CANCELLED: frozenset(),
}

_ENDS = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.STOPPED,
        RunState.PREEMPTED,
        RunState.EXPIRED,
        RunState.HOST_LOST,
    }
)

_ENDS_UNSTARTED = _ENDS - {RunState.SUCCEEDED}
"""How a run can end while none of its attempts is live: as the last of them did."""

RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.WAITING: _ENDS_UNSTARTED | {RunState.STARTING, RunState.CANCELLED},
    RunState.STARTING: _ENDS
    | {RunState.RUNNING, RunState.STOPPING, RunState.WAITING, RunState.RETRYING},
    RunState.RUNNING: _ENDS | {RunState.STOPPING, RunState.WAITING, RunState.RETRYING},
    RunState.STOPPING: _ENDS | {RunState.WAITING},
    RunState.RETRYING: _ENDS_UNSTARTED | {RunState.STARTING, RunState.WAITING},
    **{end: frozenset({RunState.WAITING}) for end in sorted(_ENDS_UNSTARTED)},
    RunState.SUCCEEDED: frozenset(),
    RunState.CANCELLED: frozenset(),
}
"""To ``waiting`` goes what goes on in another reservation, or is tried again by hand."""


class IllegalMove(Exception):
    """A state was to change in a way that its table does not allow: a bug, not a user's fault."""


def move_reservation(old: ReservationState, new: ReservationState) -> ReservationState:
    """Return ``new`` if the move is allowed or changes nothing.

    Raises:
        IllegalMove: the table does not allow it.
    """
    if old is not new and new not in RESERVATION_MOVES[old]:
        raise IllegalMove(f"reservation: {old} -> {new}")
    return new


def move_run(old: RunState, new: RunState) -> RunState:
    """Return ``new`` if the move is allowed or changes nothing.

    Raises:
        IllegalMove: the table does not allow it.
    """
    if old is not new and new not in RUN_MOVES[old]:
        raise IllegalMove(f"run: {old} -> {new}")
    return new
