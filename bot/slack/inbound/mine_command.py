"""``/gpu mine``."""

from __future__ import annotations

from bot.services import queries
from bot.slack.asked import Asked
from bot.slack.blocks.mine import mine_card
from bot.slack.desk import Desk


async def show_mine(desk: Desk, asked: Asked, _rest: str = "") -> None:
    """List the reservations of the one who asks, each with a button."""
    member, tz = await desk.member(asked)
    await desk.answering.tell(asked, mine_card(await desk.run(queries.mine, member), tz))
