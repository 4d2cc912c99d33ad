"""Who has which GPU when, over a window: what the timeline in the browser draws."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class Track:
    """One GPU: a track of the timeline."""

    gpu_id: int
    name: str
    index: int
    model: str
    broken: bool


@dataclass(frozen=True, slots=True)
class TrackGroup:
    """A host with its GPUs, by index."""

    host_id: int
    name: str
    online: bool
    drained: bool
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class TimelineTeam:
    """A team and its colour, such as ``#0072b2``."""

    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Bar:
    """GPUs that one reservation holds for one window.

    A reservation has one bar, but for one whose GPUs were given back at different times.
    ``done`` is how much of its run is done, 0 to 1, and None without a run.  ``preempted_at`` is
    when it has to make room for somebody else; ``booked_until`` is the end that was booked,
    where its run goes on over it.
    """

    reservation_id: int
    gpu_ids: tuple[int, ...]
    window: TimeWindow
    kind: ReservationKind
    state: ReservationState
    team_name: str
    holder_name: str
    holder_slack_id: str
    may_change: bool
    priority: Priority
    preemptible: bool
    note: str
    run_id: int | None = None
    run_state: str | None = None
    model: str = ""
    epoch: int = 0
    epochs: int = 0
    done: float | None = None
    preempted_at: datetime | None = None
    booked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the timeline is wanted; what is empty leaves nothing out."""

    team_name: str = ""
    host_name: str = ""
    gpu_model: str = ""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything in a window, as it was at ``now``, and the rules for booking in it."""

    now: datetime
    revision: str
    window: TimeWindow
    slot: timedelta
    longest: timedelta
    last_start: datetime
    may_book: bool
    hosts: tuple[TrackGroup, ...]
    teams: tuple[TimelineTeam, ...]
    bars: tuple[Bar, ...]


def share_done(state: str, epoch: int, epochs: int) -> float:
    """Return how much of a run is done, from 0 to 1; what has succeeded is done whole."""
    if state == "succeeded":
        return 1.0
    return min(1.0, max(0, epoch) / epochs) if epochs > 0 else 0.0


def may_book(member: Member) -> bool:
    """Tell whether dragging over free time may book for this member."""
    return member.role is not Role.VIEWER


def shown_groups(groups: Iterable[TrackGroup], filters: Filters) -> tuple[TrackGroup, ...]:
    """Return the hosts and GPUs that are wanted; a host without any is left out."""
    wanted = (
        TrackGroup(
            group.host_id,
            group.name,
            group.online,
            group.drained,
            tuple(track for track in group.tracks if filters.gpu_model in ("", track.model)),
        )
        for group in groups
        if filters.host_name in ("", group.name)
    )
    return tuple(group for group in wanted if group.tracks)
