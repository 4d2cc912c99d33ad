"""What each team has had, what it may have, and whose turn is next: snapshots for people."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.limits import Quota
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class TeamShare:
    """One team, this week and lately.

    ``week_gpu_hours`` is all that it has claimed in the current ISO week, also what is ahead;
    ``most_at_once`` the most GPUs that it has claimed at one instant from now on; ``recent_hours``
    its use with a half-life, ``share`` its part in that of all teams (0 to 1), ``place`` where it
    would be served among ``places`` teams, from 1 on.
    """

    team_name: str
    quota: Quota
    week_gpu_hours: float
    most_at_once: int
    recent_hours: float
    share: float
    place: int
    places: int


@dataclass(frozen=True, slots=True)
class Shares:
    """All teams, by place, and the one who asks."""

    week: TimeWindow
    teams: tuple[TeamShare, ...]
    own_team_name: str
    own_week_gpu_hours: float
    own_recent_hours: float
