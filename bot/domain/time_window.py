"""Half-open windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def require_aware(instant: datetime) -> datetime:
    """Return ``instant`` if it carries a time zone.

    Raises:
        ValueError: it does not; a naive time would mean something else on every machine.
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"naive time: {instant.isoformat()}")
    return instant


@dataclass(frozen=True, slots=True, order=True)
class TimeWindow:
    """The instants ``start <= t < end``; both aware, kept in UTC.

    In UTC because Python's arithmetic within a zone is that of its wall clocks: a night in which
    they are moved would be counted an hour too long or too short.

    Raises:
        ValueError: an instant is naive, or the end is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", require_aware(self.start).astimezone(UTC))
        object.__setattr__(self, "end", require_aware(self.end).astimezone(UTC))
        if self.end <= self.start:
            raise ValueError(f"empty window: {self.start.isoformat()} to {self.end.isoformat()}")

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    def overlaps(self, other: TimeWindow) -> bool:
        """Tell whether the two share an instant; windows that only touch do not."""
        return self.start < other.end and other.start < self.end

    def contains(self, instant: datetime) -> bool:
        """Tell whether ``instant`` lies in the window."""
        return self.start <= instant < self.end

    def starting_at(self, start: datetime) -> TimeWindow:
        """Return a window of the same length that starts at ``start``."""
        return TimeWindow(start, require_aware(start).astimezone(UTC) + self.length)
