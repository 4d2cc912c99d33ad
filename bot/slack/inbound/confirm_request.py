"""Clicks on a booking that was repeated to its writer: Confirm, and Change."""

from __future__ import annotations

from bot.domain.views import BookingForm
from bot.slack.asked import Asked
from bot.slack.blocks.booking_modal import FormState
from bot.slack.blocks.understood import form_open_card, state_of
from bot.slack.carried_request import request_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.open_form import open_form
from bot.slack.inbound.take_alternative import take_alternative


async def confirm_request(desk: Desk, asked: Asked) -> None:
    """Book what the button carries; the outcome stands where the question stood.

    Raises:
        UnreadableRequest: the button is from another release.
    """
    await take_alternative(desk, asked)


async def change_request(desk: Desk, asked: Asked) -> None:
    """Open the form with what was understood in it.

    Raises:
        UnreadableRequest: the button is from another release.
        Unavailable, SlackApiError: the form could not be opened.
    """
    request = request_from_value(asked.value, request_key=None)

    def filled(form: BookingForm) -> FormState:
        return state_of(request, form)

    await open_form(desk, asked, filled)
    await desk.answering.tell(asked, form_open_card(), replace=True)
