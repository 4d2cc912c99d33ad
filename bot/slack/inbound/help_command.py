"""``/gpu help``."""

from __future__ import annotations

from bot.slack.asked import Asked
from bot.slack.blocks.help import help_card
from bot.slack.desk import Desk


async def show_help(desk: Desk, asked: Asked, _rest: str) -> None:
    """Tell what can be said."""
    await desk.answering.tell(asked, help_card())
