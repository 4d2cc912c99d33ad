"""A click on Cancel or Release, wherever the button stands."""

from __future__ import annotations

from bot.domain.errors import BerthError
from bot.services import booking
from bot.slack.asked import Asked
from bot.slack.blocks.confirmation import cancelled_card
from bot.slack.blocks.refusal import refusal_card
from bot.slack.desk import Desk
from bot.slack.grammar import parse_cancel
from bot.slack.inbound.home_opened import refresh_home, show_home


async def click_cancel(desk: Desk, asked: Asked) -> None:
    """Give the reservation back and say so; the card in the channel follows by itself.

    Raises:
        UnknownReservation, NotTheHolder, ReservationOver: told where the person stands.
    """
    member, tz = await desk.member(asked)
    number = parse_cancel(asked.value).reservation_id or 0
    try:
        card = cancelled_card(await desk.run(booking.cancel, member, number, ""))
    except BerthError as error:
        if not asked.in_home:
            raise
        card = refusal_card(error, tz)
    if asked.in_home:
        await show_home(desk, asked, notice=card)
    else:
        await desk.answering.tell(asked, card)
        await refresh_home(desk, asked)
