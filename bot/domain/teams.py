"""Teams as they are shown and changed, and the colours that tell them apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.people import Role
from bot.domain.priority import Priority

PALETTE: Mapping[str, str] = {
    "blue": "#0072b2",
    "orange": "#e69f00",
    "green": "#009e73",
    "red": "#d55e00",
    "sky": "#56b4e9",
    "pink": "#cc79a7",
    "yellow": "#f0e442",
    "brown": "#8c564b",
    "violet": "#6a3d9a",
    "grey": "#7f7f7f",
}
"""Colours that stay apart for colour-blind readers too (Okabe and Ito, and two more).

https://jfly.uni-koeln.de/color/
"""


USUAL_PRIORITIES = (Priority.P1, Priority.P2)
"""What a team may make its usual priority; what takes GPUs from others is asked for by name."""


def colour_of(text: str) -> str | None:
    """Return the palette's colour of that name or value, or None."""
    wanted = text.lower()
    return PALETTE.get(wanted) or (wanted if wanted in PALETTE.values() else None)


def colour_name(colour: str) -> str:
    """Return what a colour of the palette is called; another one is its own name."""
    return next((name for name, value in PALETTE.items() if value == colour), colour)


def next_colour(used: Collection[str]) -> str:
    """Return the first colour that no team has, or the one that fewest have."""
    taken = list(used)
    return min(PALETTE.values(), key=taken.count)


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A person of a team."""

    slack_user_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class TeamDefaults:
    """What bookings of a team get that name no priority: research, unless the team says more."""

    priority: Priority = Priority.P2
    preemptible: bool = True

    def changed(self, priority: Priority | None, preemptible: bool | None) -> TeamDefaults:
        """Return them with what is given; a new priority alone brings its own mark."""
        if preemptible is None:
            preemptible = self.preemptible
            if priority is not None and priority is not self.priority:
                preemptible = priority.preemptible_by_default
        return TeamDefaults(priority or self.priority, preemptible)


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team as lists show it. Empty ids and None mean that there is none."""

    name: str
    channel_id: str
    colour: str
    approval_channel_id: str
    usergroup_id: str
    gpus_at_once: int | None
    gpu_hours_per_week: float | None
    members: tuple[TeamMember, ...]
    defaults: TeamDefaults = TeamDefaults()


@dataclass(frozen=True, slots=True)
class TeamChange:
    """What is to be different about a team; None leaves as it is, a quota of 0 takes it away."""

    channel_id: str | None = None
    approval_channel_id: str | None = None
    colour: str | None = None
    usergroup_id: str | None = None
    gpus_at_once: int | None = None
    gpu_hours_per_week: float | None = None
    priority: Priority | None = None
    preemptible: bool | None = None


@dataclass(frozen=True, slots=True)
class GroupPerson:
    """A person of a Slack user group."""

    slack_user_id: str
    name: str
    time_zone: str
    is_workspace_admin: bool


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What bringing in a user group did; each a tuple of Slack user ids.

    ``stayed`` are in the group, but belong to another team that has a group of its own.
    """

    team: TeamView
    joined: tuple[str, ...]
    left: tuple[str, ...]
    stayed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostView:
    """A host as administrators see it."""

    host_id: int
    name: str
    online: bool
    drained_at: datetime | None
    agent_version: str
    last_seen_at: datetime
    models: tuple[str, ...]
    gpu_count: int
    broken_count: int
