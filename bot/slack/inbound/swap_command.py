"""``/gpu swap R12 with R15 [reason]``."""

from __future__ import annotations

from bot.services import swaps
from bot.slack.asked import Asked
from bot.slack.blocks.handovers import swap_asked
from bot.slack.desk import Desk
from bot.slack.handover_grammar import parse_swap
from bot.slack.inbound.home_opened import refresh_home


async def swap(desk: Desk, asked: Asked, rest: str) -> None:
    """Propose to exchange windows and GPUs with somebody else.

    Raises:
        UnreadableRequest, UnknownReservation: the two cannot be told.
        BerthError: whatever `swaps.propose` raises.
    """
    wish = parse_swap(rest)
    member, _ = await desk.member(asked)
    view = await desk.run(swaps.propose, member, wish.mine, wish.theirs, wish.reason)
    await desk.answering.tell(asked, swap_asked(view))
    await refresh_home(desk, asked)
