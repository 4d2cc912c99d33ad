"""Errors of series; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.error_branches import Conflict, InvalidRequest, NotAllowed, NotFound
from bot.domain.recurrence import Missed


class NoOccurrenceAhead(InvalidRequest):
    """A series has no occurrence up to the horizon; ``next_start`` is its first one after it."""

    code = "no_occurrence_ahead"

    def __init__(self, last_start: datetime, next_start: datetime | None) -> None:
        super().__init__(last_start=last_start, next_start=next_start)
        self.last_start = last_start
        self.next_start = next_start


class UnknownSeries(NotFound):
    """There is no series of that number."""

    code = "unknown_series"

    def __init__(self, series_id: int | str) -> None:
        super().__init__(series_id=series_id)
        self.series_id = series_id


class NotTheSeriesHolder(NotAllowed):
    """Only the holder, a lead of the team or an admin may change a series."""

    code = "not_the_series_holder"

    def __init__(self, series_id: int, holder_slack_id: str) -> None:
        super().__init__(series_id=series_id, holder_slack_id=holder_slack_id)
        self.series_id = series_id
        self.holder_slack_id = holder_slack_id


class NoOccurrenceFits(Conflict):
    """None of the occurrences of a new series can be booked; ``missed`` says why, one by one."""

    code = "no_occurrence_fits"

    def __init__(self, missed: Sequence[Missed]) -> None:
        super().__init__(missed=len(missed))
        self.missed = tuple(missed)


class SeriesOver(Conflict):
    """The series has ended or was cancelled already."""

    code = "series_over"

    def __init__(self, series_id: int) -> None:
        super().__init__(series_id=series_id)
        self.series_id = series_id
