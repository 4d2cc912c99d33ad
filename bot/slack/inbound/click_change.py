"""A click on Extend or Move, on a card, in a reminder or beside what fits instead."""

from __future__ import annotations

from bot.domain.errors import BerthError
from bot.services import changing, queries
from bot.slack.asked import Asked
from bot.slack.blocks.change_cards import change_refusal_card, changed_card
from bot.slack.carried_change import Change, change_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home

_USE_CASES = {
    Change.SLOT_AFTER: changing.extend_by_a_slot,
    Change.END: changing.extend,
    Change.START: changing.move,
}


async def click_change(desk: Desk, asked: Asked) -> None:
    """Change the reservation as the button says; the card in the channel follows by itself.

    In a direct message, and beside what fits instead, the outcome takes the place of the buttons;
    a card in the channel stays.  The button says where it leads to, so two clicks are one.

    Raises:
        UnreadableRequest: the button is from another release.
        UnknownReservation: there is none of that number.
    """
    wish = change_from_value(asked.value)
    member, tz = await desk.member(asked)
    before = await desk.run(queries.reservation, wish.reservation_id)
    try:
        after = await desk.run(_USE_CASES[wish.change], member, wish.reservation_id, wish.instant)
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    offered = wish.change is not Change.SLOT_AFTER
    await desk.answering.tell(
        asked, changed_card(before, after, tz), replace=offered or asked.in_direct
    )
    await refresh_home(desk, asked)
