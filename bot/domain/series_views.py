"""What is shown of a series."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.recurrence import Missed, Recurrence
from bot.domain.requests import ReserveRequest
from bot.domain.views import ReservationView


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A series with what is booked ahead, by start, and the days ahead that it has to do without.

    ``request`` is what each occurrence asks for; its start and length are those of the rule.
    """

    series_id: int
    holder_slack_id: str
    holder_name: str
    rule: Recurrence
    request: ReserveRequest
    active: bool
    upcoming: tuple[ReservationView, ...] = ()
    missed: tuple[Missed, ...] = ()
