"""How a booking made in the form may repeat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.recurrence import EVERY_DAY, WEEKDAYS, WORKING_DAYS, Recurrence

ONCE = "once"
WEEKLY = "weekly"
CHOICES: Mapping[str, str] = {
    ONCE: "Does not repeat",
    "day": "Every day",
    "weekday": "Every weekday, Monday to Friday",
    WEEKLY: "Every week, on the day of the start",
}
_DAYS = {"day": EVERY_DAY, "weekday": WORKING_DAYS}


def rule_of_choice(
    choice: str, *, start: datetime, length: timedelta, tz: ZoneInfo
) -> Recurrence | None:
    """Return the rule that a choice of the form means, or None for a single booking.

    Args:
        choice: one of `CHOICES`; anything else means once.
        start: the start of the first one; its wall time in ``tz`` is kept.
        length: how long each lasts.
        tz: the zone of the one who books.
    """
    local = start.astimezone(tz)
    weekly = frozenset({WEEKDAYS[local.weekday()]}) if choice == WEEKLY else None
    days = _DAYS.get(choice, weekly)
    if days is None:
        return None
    at = local.time().replace(second=0, microsecond=0, fold=0)
    return Recurrence(days, at, tz.key, local.date(), length)
