"""Clicks on an incident: an admin looks after it."""

from __future__ import annotations

from bot.domain.errors import UnreadableRequest
from bot.services import incidents
from bot.slack.asked import Asked
from bot.slack.blocks.incident_words import acknowledged_card
from bot.slack.desk import Desk

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def click_acknowledge(desk: Desk, asked: Asked) -> None:
    """Note that the one who clicks looks after it.

    Raises:
        BerthError: why not, told where the person stands.
    """
    member, _ = await desk.member(asked)
    if not asked.value.isdecimal():
        raise UnreadableRequest("", _OUTDATED)
    view = await desk.run(incidents.acknowledge, member, int(asked.value))
    await desk.answering.tell(asked, acknowledged_card(view))
