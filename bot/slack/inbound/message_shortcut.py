"""“Book GPUs for this”: the form, opened from a message, with a link to it in the note."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from slack_sdk.errors import SlackApiError

from bot.domain.views import BookingForm
from bot.slack.asked import Asked
from bot.slack.blocks.booking_modal import FormState, initial_state
from bot.slack.desk import Desk
from bot.slack.inbound.open_form import open_form

log = structlog.get_logger(__name__)

MESSAGE_SHORTCUT = "reserve_for_message"
LINK_BUDGET_S = 0.8
"""The form has three seconds to open, and the link is the least of it."""


async def open_form_for_message(desk: Desk, asked: Asked) -> None:
    """Open the booking form; where Slack tells no link in time the note stays empty.

    Raises:
        Unavailable, SlackApiError: see `open_form`.
    """
    link = await _permalink(desk, asked)

    def fill(form: BookingForm) -> FormState:
        return replace(initial_state(form), note=link)

    await open_form(desk, asked, fill)


async def _permalink(desk: Desk, asked: Asked) -> str:
    """Return the message's address, or nothing (https://docs.slack.dev/reference/methods/chat.getPermalink)."""
    if not (asked.channel_id and asked.message_ts):
        return ""
    try:
        async with asyncio.timeout(LINK_BUDGET_S):
            answer = await desk.client.chat_getPermalink(
                channel=asked.channel_id, message_ts=asked.message_ts
            )
    except (SlackApiError, OSError, TimeoutError) as error:
        log.info("slack_no_permalink", user=asked.user_id, reason=str(error))
        return ""
    return str(answer.get("permalink") or "")
