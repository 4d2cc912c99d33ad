"""Opens a modal in answer to a click or a command."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from bot.domain.errors import Unavailable
from bot.slack.asked import Asked
from bot.slack.blocks.text import Block
from bot.slack.desk import Desk


async def open_view(desk: Desk, asked: Asked, view: Block) -> None:
    """Open ``view``; for a click that is delivered twice it is open already.

    Raises:
        Unavailable: three seconds were over before it could be opened.
        SlackApiError: Slack did not open it.
    """
    try:
        await desk.client.views_open(trigger_id=asked.trigger_id or "", view=view)
    except SlackApiError as error:
        code = error.response.get("error")
        if code == "exchanged_trigger_id":
            return
        if code in ("expired_trigger_id", "trigger_expired"):
            raise Unavailable from error
        raise
