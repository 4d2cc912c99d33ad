"""What holders are told about the end of their runs; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class RunLate(Notice):
    """The run will not be done before its reservation ends, and what can be done about it.

    Told as soon as it shows, and 60 and 30 minutes before the end (``minutes``).  ``again`` tells
    that it has become worse.  What is empty or None cannot be done as things stand:

    * ``extend_to`` is until when the reservation could go on, ``extend_enough`` whether that will
      do for the likely end;
    * ``next_slack_id`` holds the GPUs next (``next_reservation_id``) and could be asked for
      ``ask_minutes``;
    * ``continue_start`` to ``continue_end`` is the next free window for the rest;
    * ``fits_epochs`` epochs would fit.

    ``continues_in`` is the reservation that is booked for the rest already, 0 where there is none.
    """

    kind: ClassVar[str] = "run_late"
    holder_slack_id: str
    ends_at: datetime
    low_at: datetime
    likely_at: datetime
    high_at: datetime
    epoch: int
    epochs: int
    minutes: int = 0
    again: bool = False
    extend_to: datetime | None = None
    extend_enough: bool = False
    next_slack_id: str = ""
    next_reservation_id: int = 0
    ask_minutes: int = 0
    continue_start: datetime | None = None
    continue_end: datetime | None = None
    fits_epochs: int = 0
    continues_in: int = 0
    finishes_early: bool = False


@dataclass(frozen=True, slots=True)
class RunInTime(Notice):
    """A run that was told to be late will be done in time after all."""

    kind: ClassVar[str] = "run_in_time"
    holder_slack_id: str
    ends_at: datetime
    likely_at: datetime
    high_at: datetime


@dataclass(frozen=True, slots=True)
class RunEarly(Notice):
    """The run will be done long before its reservation ends: the rest could be given back."""

    kind: ClassVar[str] = "run_early"
    holder_slack_id: str
    ends_at: datetime
    could_end_at: datetime
    likely_at: datetime
    high_at: datetime
    gpu_count: int


@dataclass(frozen=True, slots=True)
class RunFinishesEarly(Notice):
    """The run stops after the last epoch that fits; about ``fits_epochs`` of ``epochs`` do."""

    kind: ClassVar[str] = "run_finishes_early"
    by_slack_id: str
    fits_epochs: int
    epochs: int
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class MinutesAsked(Notice):
    """The holder of the reservation before the reader's asks for some minutes of it.

    The reader's starts at ``new_starts_at`` then, and ends at ``new_ends_at``, which is later by as
    much where the GPUs are free.
    """

    kind: ClassVar[str] = "minutes_asked"
    ask_id: int
    from_slack_id: str
    from_reservation_id: int
    minutes: int
    starts_at: datetime
    ends_at: datetime
    new_starts_at: datetime
    new_ends_at: datetime
    expires_at: datetime
    model: str = ""
    epoch: int = 0
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class MinutesDecided(Notice):
    """What came of asking for minutes; ``state`` is an `OfferState`, ``ends_at`` the end now."""

    kind: ClassVar[str] = "minutes_decided"
    ask_id: int
    asked_slack_id: str
    state: str
    minutes: int
    ends_at: datetime
    next_reservation_id: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MinutesOff(Notice):
    """The minutes of the reader's reservation are not needed any more."""

    kind: ClassVar[str] = "minutes_off"
    ask_id: int
    from_slack_id: str
    from_reservation_id: int
    minutes: int
    reason: str = ""


FORECAST_NOTICES: tuple[type[Notice], ...] = (
    RunLate,
    RunInTime,
    RunEarly,
    RunFinishesEarly,
    MinutesAsked,
    MinutesDecided,
    MinutesOff,
)
