"""The grid of booking time: slots of fixed length, counted from midnight UTC of 1970-01-01."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.time_window import TimeWindow, require_aware

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SlotGrid:
    """Slots of ``slot`` each; a slot must divide the day, so that every day has the same ones.

    Raises:
        ValueError: the slot is not positive or does not divide 24 hours.
    """

    slot: timedelta

    def __post_init__(self) -> None:
        if self.slot <= timedelta() or timedelta(days=1) % self.slot:
            raise ValueError(f"a slot must divide the day: {self.slot}")

    def floor(self, instant: datetime) -> datetime:
        """Return the start of the slot that contains ``instant``, in UTC."""
        since = require_aware(instant).astimezone(UTC) - _EPOCH
        return _EPOCH + (since // self.slot) * self.slot

    def ceil(self, instant: datetime) -> datetime:
        """Return the first slot boundary at or after ``instant``, in UTC."""
        floor = self.floor(instant)
        # Compared in UTC: in a zone, an instant in the repeated hour of autumn equals no other.
        return floor if floor == instant.astimezone(UTC) else floor + self.slot

    def cover(self, start: datetime, length: timedelta, *, now: datetime) -> TimeWindow:
        """Return the whole slots that contain what of ``[start, start + length)`` is still ahead.

        Nobody gets less than they asked for: the start goes back to its slot's beginning and the
        end forward to the next boundary.  A start in the slot that runs now stays where it is, or
        moves to ``now`` if it lies before: the rest of that slot is the reservation's first.  The
        end does not move with it, so that a window which was offered is booked as it was offered,
        however long the click took.  A wish that has passed altogether is taken as one for now.
        """
        start, now = require_aware(start).astimezone(UTC), require_aware(now).astimezone(UTC)
        begin = self.floor(start)
        if begin < now:
            begin = max(start, now)
        end = self.ceil(start + length)
        return TimeWindow(begin, end if end > begin else self.ceil(begin + length))
