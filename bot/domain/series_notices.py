"""What the holder of a series is told about it; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class OccurrenceMissed(Notice):
    """An occurrence that came within reach of the calendar could not be booked.

    ``reservation_id`` is the newest reservation of the series.  ``code`` is that of the error,
    ``holder_slack_ids`` and ``in_the_way`` (``R12``) who holds the GPUs, pair by pair; ``request``
    what would have been booked, as JSON of `bot.domain.requests.request_to_json`.
    """

    kind: ClassVar[str] = "occurrence_missed"
    series_id: int
    rule: str
    starts_at: datetime
    ends_at: datetime
    code: str
    holder_slack_ids: tuple[str, ...] = ()
    in_the_way: tuple[str, ...] = ()
    request: str = ""
