"""Where the card of a reservation stands in Slack, for those who come from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from bot.services.transaction import Tx, reads_only
from bot.store.tables import CardRow


@dataclass(frozen=True, slots=True)
class CardPlace:
    """A message of Slack."""

    channel_id: str
    ts: str


@reads_only
def card_place(tx: Tx, reservation_id: int) -> CardPlace | None:
    """Return where a reservation's card stands; None while there is none."""
    card = tx.session.get(CardRow, reservation_id)
    return CardPlace(card.channel_id, card.ts) if card is not None and card.ts else None
