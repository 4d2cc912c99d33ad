"""Opens the booking form: from ``/gpu reserve``, a button, or the shortcut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from slack_sdk.errors import SlackApiError

from bot.domain.errors import Unavailable
from bot.domain.views import BookingForm
from bot.services import queries
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import (
    FormState,
    booking_modal,
    initial_state,
    message_modal,
    waiting_modal,
)
from bot.slack.blocks.text import Block
from bot.slack.desk import Desk

SHORTCUT = "reserve_shortcut"
Fill = Callable[[BookingForm], FormState]
DATA_BUDGET_S = 1.5
"""A trigger_id lives for 3 seconds; what the form needs is waited for only that long."""


async def open_form(desk: Desk, asked: Asked, fill: Fill = initial_state) -> None:
    """Open the form at once; if its data is slow, a modal that waits for it.

    ``fill`` says what stands in it.

    Raises:
        Unavailable: three seconds were over before it could be opened.
        SlackApiError: Slack did not open it.
    """
    data = asyncio.create_task(_read_form(desk))
    done, _ = await asyncio.wait({data}, timeout=DATA_BUDGET_S)
    private = metadata(asked.channel_id)
    if done:
        await _open(desk, asked, _form_view(data.result(), private, fill))
        return
    opened = await _open(desk, asked, waiting_modal("One moment…", private))
    if opened is None:
        return
    try:
        view = _form_view(await data, private, fill)
    except Exception as error:  # noqa: BLE001 - the waiting modal would wait for ever
        view = message_modal("Book GPUs", desk.answering.refusal(error, asked, "form"), private)
    await desk.client.views_update(view_id=opened, view=view)


async def _read_form(desk: Desk) -> BookingForm:
    return await desk.run(queries.booking_form)


def _form_view(form: BookingForm, private_metadata: str, fill: Fill) -> Block:
    return booking_modal(form, fill(form), private_metadata)


async def _open(desk: Desk, asked: Asked, view: Block) -> str | None:
    try:
        answer = await desk.client.views_open(trigger_id=asked.trigger_id or "", view=view)
    except SlackApiError as error:
        code = error.response.get("error")
        if code == "exchanged_trigger_id":
            return None  # the same click delivered twice: the form is open already
        if code in ("expired_trigger_id", "trigger_expired"):
            raise Unavailable from error
        raise
    return str(answer["view"]["id"])
