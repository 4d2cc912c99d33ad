"""What is asked of people and waits for their answer: the same life for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class OfferState(StrEnum):
    """``waiting`` has not been offered to anybody yet (a place on the waitlist or in the queue)."""

    WAITING = "waiting"
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def is_over(self) -> bool:
        """Tell whether it has been decided, in whatever way."""
        return not OFFER_MOVES[self]


_DECIDED = frozenset(
    {OfferState.ACCEPTED, OfferState.DECLINED, OfferState.EXPIRED, OfferState.WITHDRAWN}
)

OFFER_MOVES: Mapping[OfferState, frozenset[OfferState]] = {
    OfferState.WAITING: _DECIDED | {OfferState.OPEN},
    OfferState.OPEN: _DECIDED | {OfferState.WAITING},
    **{state: frozenset() for state in sorted(_DECIDED)},
}
"""An offer that is passed over in silence goes back to waiting only on the waitlist."""
