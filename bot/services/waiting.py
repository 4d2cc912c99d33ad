"""Those who wait: something became free, and it is theirs before it is anybody's."""

from __future__ import annotations

from bot.services.transaction import Tx


def serve(tx: Tx, _subject: int = 0) -> None:
    """Give what is free to those who wait. Idempotent."""
    del tx
