"""``/gpu status``, and ``/gpu`` alone."""

from __future__ import annotations

from bot.services import queries
from bot.slack.asked import Asked
from bot.slack.blocks.status import short_status_card, status_card
from bot.slack.desk import Desk


async def show_status(desk: Desk, asked: Asked, _rest: str) -> None:
    """Tell who holds which GPU."""
    _, tz = await desk.member(asked)
    status = await desk.run(queries.status)
    await desk.answering.tell(asked, status_card(status, tz, f"{desk.public_url}/timeline"))


async def show_short_status(desk: Desk, asked: Asked, _rest: str) -> None:
    """Tell how many GPUs are free, and what else can be said."""
    status = await desk.run(queries.status)
    await desk.answering.tell(asked, short_status_card(status, f"{desk.public_url}/timeline"))
