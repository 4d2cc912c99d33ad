"""What is told when a run goes over the end of its booking; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class RunGoesOver(Notice):
    """The run was not done at its end, and goes on until ``until`` at the most.

    ``likely_at`` is when it will be done, None while nobody knows.  ``waits_slack_ids`` are the
    holders whose reservations start later for that.
    """

    kind: ClassVar[str] = "run_goes_over"
    holder_slack_id: str
    booked_until: datetime
    until: datetime
    likely_at: datetime | None = None
    waits_slack_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartWaits(Notice):
    """A reservation starts later, because the run before it needs a little longer.

    The window was ``old_starts_at`` to ``old_ends_at`` before.
    """

    kind: ClassVar[str] = "start_waits"
    holder_slack_id: str
    late_id: int
    late_slack_id: str
    starts_at: datetime
    ends_at: datetime
    old_starts_at: datetime
    old_ends_at: datetime


@dataclass(frozen=True, slots=True)
class StartWaitsNoMore(Notice):
    """The run before is over sooner than was thought: the reservation starts sooner, too."""

    kind: ClassVar[str] = "start_waits_no_more"
    holder_slack_id: str
    late_id: int
    starts_at: datetime
    ends_at: datetime


OVERRUN_NOTICES: tuple[type[Notice], ...] = (RunGoesOver, StartWaits, StartWaitsNoMore)
