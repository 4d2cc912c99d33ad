"""A click on "Ask to swap" beside a refusal."""

from __future__ import annotations

from bot.services import swaps
from bot.slack.asked import Asked
from bot.slack.blocks.handovers import swap_asked
from bot.slack.blocks.swap_ideas import read_pair
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home


async def ask_swap(desk: Desk, asked: Asked) -> None:
    """Propose the swap; the outcome stands where the offers stood.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: whatever `swaps.propose` raises.
    """
    mine, theirs = read_pair(asked.value)
    member, _ = await desk.member(asked)
    view = await desk.run(swaps.propose, member, mine, theirs)
    await desk.answering.tell(asked, swap_asked(view), replace=True)
    await refresh_home(desk, asked)
