"""Calendars for other programs: what a feed shows, and the secret address it is read under."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.time_window import TimeWindow


class FeedKind(StrEnum):
    """Whose reservations a feed shows."""

    MEMBER = "member"
    TEAM = "team"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that was made just now: its secret is shown this once."""

    secret: str
    kind: FeedKind
    name: str


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed that somebody has; its secret is not known any more."""

    link_id: int
    kind: FeedKind
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One reservation; ``sequence`` grows with every change of it."""

    reservation_id: int
    window: TimeWindow
    cancelled: bool
    holder_name: str
    team_name: str
    gpu_names: tuple[str, ...]
    note: str
    priority: str
    sequence: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything that an address shows."""

    kind: FeedKind
    name: str
    events: tuple[FeedEvent, ...]
