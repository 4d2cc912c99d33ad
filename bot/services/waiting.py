"""Those who wait: something became free, and it is theirs before it is anybody's."""

from __future__ import annotations

from bot.services import queue, waitlist
from bot.services.transaction import Tx
from bot.store.claims import take_turns


def expire(tx: Tx, wait_id: int) -> None:
    """End what has waited for as long as it may, wherever it waits. Idempotent.

    The caller has taken a turn.
    """
    waitlist.expire(tx, wait_id)
    queue.expire(tx, wait_id)


def serve(tx: Tx, _subject: int = 0) -> None:
    """Give what is free to those who wait: the waitlist first, then the queue. Idempotent."""
    take_turns(tx.session)
    waitlist.offer_what_is_free(tx)
    queue.dispatch(tx)
