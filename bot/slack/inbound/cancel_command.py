"""``/gpu cancel [R12 [reason]]``, or a series: ``S3``."""

from __future__ import annotations

from bot.services import booking
from bot.slack.asked import Asked
from bot.slack.blocks.confirmation import cancelled_card
from bot.slack.desk import Desk
from bot.slack.grammar import parse_cancel
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.mine_command import show_mine
from bot.slack.inbound.series import cancel_series
from bot.slack.recurrence_grammar import parse_cancel_series


async def cancel(desk: Desk, asked: Asked, rest: str) -> None:
    """Give a reservation back, or end a series; without a number, list what can be given back.

    Raises:
        UnknownReservation, NotTheHolder, ReservationOver: told where the person stands.
    """
    of_series = parse_cancel_series(rest)
    if of_series is not None:
        await cancel_series(desk, asked, *of_series)
        return
    wish = parse_cancel(rest)
    if wish.reservation_id is None:
        await show_mine(desk, asked)
        return
    member, _ = await desk.member(asked)
    view = await desk.run(booking.cancel, member, wish.reservation_id, wish.reason)
    await desk.answering.tell(asked, cancelled_card(view))
    await refresh_home(desk, asked)
