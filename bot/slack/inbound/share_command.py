"""``/gpu share``."""

from __future__ import annotations

from bot.services import shares
from bot.slack.asked import Asked
from bot.slack.blocks.share import share_card
from bot.slack.desk import Desk


async def show_share(desk: Desk, asked: Asked, _rest: str) -> None:
    """Tell who has used how much of what they may, and who would be served first."""
    member, _ = await desk.member(asked)
    await desk.answering.tell(asked, share_card(await desk.run(shares.shares, member)))
