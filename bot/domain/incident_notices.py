"""What a thread is told about the GPUs of its reservation; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class IncidentTold(Notice):
    """An incident has begun, or is over, on what the reservation has.

    ``incident_kind`` is an `IncidentKind`; ``value`` in its unit; ``is_open`` whether it goes on.
    """

    kind: ClassVar[str] = "incident_told"
    incident_id: int
    incident_kind: str
    place: str
    is_open: bool
    value: float | None = None
    times: int = 1


INCIDENT_NOTICES = (IncidentTold,)
