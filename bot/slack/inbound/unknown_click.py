"""A click on something that this release does not know."""

from __future__ import annotations

from bot.domain.errors import UnreadableRequest
from bot.slack.asked import Asked
from bot.slack.desk import Desk


async def unknown_click(_desk: Desk, _asked: Asked) -> None:
    """Say that the button is of another release.

    Raises:
        UnreadableRequest: always.
    """
    raise UnreadableRequest("", "a fresh list: this button is from another release of Berth")
