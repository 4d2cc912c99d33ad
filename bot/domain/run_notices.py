"""What is told about runs that go on, are tried again or start late; see `bot.domain.notices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class ContinuationPlanned(Notice):
    """The run of this reservation goes on in ``to_reservation_id`` once it has stopped here.

    ``reason`` is a `ContinuationReason`; ``approved`` is False while somebody has to approve it.
    """

    kind: ClassVar[str] = "continuation_planned"
    to_reservation_id: int
    reason: str
    starts_at: datetime
    ends_at: datetime
    gpu_names: tuple[str, ...]
    approved: bool = True
    by_slack_id: str = ""


@dataclass(frozen=True, slots=True)
class ContinuationDropped(Notice):
    """The run does not go on in ``to_reservation_id`` after all; ``why`` is half a sentence.

    ``run_over`` tells that the run itself has ended; otherwise it now ends where it is.
    """

    kind: ClassVar[str] = "continuation_dropped"
    to_reservation_id: int
    why: str
    run_over: bool
    holder_slack_id: str = ""


@dataclass(frozen=True, slots=True)
class RunHandedOn(Notice):
    """The run has stopped in ``from_reservation_id`` and goes on in this reservation."""

    kind: ClassVar[str] = "run_handed_on"
    from_reservation_id: int
    reason: str
    starts_at: datetime
    gpu_names: tuple[str, ...]
    epochs_done: int
    epochs: int


RUN_NOTICES: tuple[type[Notice], ...] = (
    ContinuationPlanned,
    ContinuationDropped,
    RunHandedOn,
)
