"""A click on a window that fits instead."""

from __future__ import annotations

from bot.services import queries
from bot.slack.asked import Asked
from bot.slack.carried_request import request_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.book import book
from bot.slack.inbound.home_opened import refresh_home


async def take_alternative(desk: Desk, asked: Asked) -> None:
    """Book what the button shows, checked again; the outcome stands where the offers stood.

    The key comes from the message or modal, so that a click delivered twice books once.

    Raises:
        UnreadableRequest: the button is from another release.
    """
    request = request_from_value(asked.value, request_key=asked.key)
    member, _ = await desk.member(asked)
    form = await desk.run(queries.booking_form)
    outcome = await book(desk, member, request, form.slot)
    await desk.answering.tell(asked, outcome.card, replace=True)
    await refresh_home(desk, asked)
