"""The checkbox of the form that shows and hides the fields of a training."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from bot.services import queries
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import booking_modal, read_state
from bot.slack.desk import Desk


async def toggle_training(desk: Desk, asked: Asked) -> None:
    """Draw the form again with what is typed in it, with or without a training.

    Raises:
        SlackApiError: Slack refused the form.
    """
    form = await desk.run(queries.booking_form)
    view = booking_modal(form, read_state(asked.view), metadata(asked.channel_id))
    try:
        await desk.client.views_update(
            view_id=asked.view["id"], hash=asked.view.get("hash"), view=view
        )
    except SlackApiError as error:
        # The form has changed since this click; the later click draws it.
        if error.response.get("error") not in ("hash_conflict", "not_found"):
            raise
