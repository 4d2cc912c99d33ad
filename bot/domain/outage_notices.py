"""What holders are told when GPUs go out of service, planned or not; see `bot.domain.notices`.

``why`` is ``maintenance`` or ``broken``, ``detail`` what the admin wrote about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class MovedToOtherGpus(Notice):
    """A reservation got other GPUs of the same models for the same window."""

    kind: ClassVar[str] = "moved_to_other_gpus"
    holder_slack_id: str
    why: str
    detail: str
    old_gpus: tuple[str, ...]
    new_gpus: tuple[str, ...]
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class NeedsNewWindow(Notice):
    """No other GPUs are free at that time; ``decides_at`` is when its fate is sealed.

    Without another window it is cancelled then, or, when it has started by then, ends.
    ``choices`` are the starts of windows that fit, in ISO format.
    """

    kind: ClassVar[str] = "needs_new_window"
    holder_slack_id: str
    why: str
    detail: str
    lost_gpus: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    decides_at: datetime
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CutShort(Notice):
    """A reservation ends sooner, since its GPUs are needed for maintenance."""

    kind: ClassVar[str] = "cut_short"
    holder_slack_id: str
    detail: str
    lost_gpus: tuple[str, ...]
    old_ends_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CancelledByOutage(Notice):
    """A reservation could not start, since its GPUs are out of service."""

    kind: ClassVar[str] = "cancelled_by_outage"
    holder_slack_id: str
    why: str
    detail: str
    lost_gpus: tuple[str, ...]
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class GpuTrouble(Notice):
    """A GPU of a reservation that has started is broken or gone."""

    kind: ClassVar[str] = "gpu_trouble"
    holder_slack_id: str
    detail: str
    lost_gpus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutageOver(Notice):
    """What stood in the way of a reservation is gone; it stays as it was booked."""

    kind: ClassVar[str] = "outage_over"
    holder_slack_id: str
    why: str
    starts_at: datetime


OUTAGE_NOTICES: tuple[type[Notice], ...] = (
    MovedToOtherGpus,
    NeedsNewWindow,
    CutShort,
    CancelledByOutage,
    GpuTrouble,
    OutageOver,
)
