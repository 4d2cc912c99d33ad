"""Values about who holds what, and what would fit instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class GpuOnHost:
    """One GPU as placement sees it. ``name`` is what people call it: ``gpu3@host2``."""

    gpu_id: int
    host_id: int
    index: int
    host_name: str
    model: str

    @property
    def name(self) -> str:
        """The GPU's name for people."""
        return f"gpu{self.index}@{self.host_name}"


@dataclass(frozen=True, slots=True)
class Holding:
    """A reservation that stands in the way: whose, how many GPUs, from when to when."""

    reservation_id: int
    holder_slack_id: str
    holder_name: str
    team_name: str
    gpu_count: int
    window: TimeWindow


class AlternativeKind(StrEnum):
    """In what an alternative differs from the wish."""

    LATER = "later"
    OTHER_GPUS = "other_gpus"
    SPLIT = "split"
    FEWER = "fewer"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A booking that was possible when it was computed; checked again at the click.

    ``reservation_id`` names the reservation that would be changed to it; None is a new booking.
    For ``OTHER_GPUS`` either ``gpu_type`` is another kind, or ``gpu_names`` are GPUs elsewhere;
    ``where`` says in a word what is different.  ``finishes_at`` is when the run would be done,
    None while its length is not known or it does not fit; the two beside it are its range.
    For ``SPLIT`` the run stops at the end of ``window`` and goes on in ``second``.
    """

    gpu_count: int
    window: TimeWindow
    reservation_id: int | None = None
    kind: AlternativeKind = AlternativeKind.LATER
    gpu_type: str | None = None
    gpu_names: tuple[str, ...] = ()
    where: str = ""
    finishes_at: datetime | None = None
    finishes_low_at: datetime | None = None
    finishes_high_at: datetime | None = None
    second: TimeWindow | None = None
