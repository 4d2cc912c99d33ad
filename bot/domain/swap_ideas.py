"""Swaps that would give somebody the window that they could not book."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.holdings import Holding
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class SwapIdea:
    """A reservation of one's own that could be exchanged for one that stands in the way."""

    my_reservation_id: int
    my_window: TimeWindow
    theirs: Holding
