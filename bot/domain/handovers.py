"""Transfers and swaps as they are shown: who asks whom for what, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.offers import OfferState
from bot.domain.views import ReservationView


@dataclass(frozen=True, slots=True)
class TransferView:
    """An offer to take a reservation over; ``reservation`` is shown as it is now."""

    transfer_id: int
    reservation: ReservationView
    from_slack_id: str
    to_slack_id: str
    state: OfferState
    expires_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapView:
    """A proposal to exchange windows and GPUs; both reservations are shown as they are now.

    The holder of ``first`` proposed it, the holder of ``second`` is asked.
    """

    swap_id: int
    first: ReservationView
    second: ReservationView
    proposed_by_slack_id: str
    state: OfferState
    expires_at: datetime
    reason: str = ""
