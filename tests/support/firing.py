"""The clockwork's timers, fired by hand."""

from __future__ import annotations

from bot.services import upkeep
from bot.services.transaction import UseCases


def fire_all(berth: UseCases, owner: str = "test") -> int:
    """Fire what is due, and what that makes due; return how many timers fired."""
    fired = 0
    while due := berth.write(upkeep.claim_timers, owner):
        for timer in due:
            berth.write(upkeep.fire, timer, owner)
        fired += len(due)
        assert fired < 10_000, "timers set each other off for ever"
    return fired
