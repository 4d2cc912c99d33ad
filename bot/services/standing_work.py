"""What the clockwork does for ever, once it has been told to."""

from __future__ import annotations

from bot.services import audit_chain
from bot.services.transaction import Tx


def arm(tx: Tx) -> None:
    """Set the timers of all work that recurs by itself. Idempotent: each process does so."""
    audit_chain.arm(tx)
