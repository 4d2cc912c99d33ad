"""The question whether GPUs are still used, as a line and a button of the card."""

from __future__ import annotations

from bot.domain.states import ReservationState
from bot.domain.usage import UsageQuestion
from bot.domain.views import ReservationView
from bot.slack.blocks.text import Block, button, slack_time

KEEP_ACTION = "usage.keep"
"""The ``action_id`` of Keep; its value is the number of the question."""

RELEASE_ACTION = "usage.release"
"""The ``action_id`` of Release; its value is the number of the question."""

RELEASE_AT_ACTION = "usage.release_at"
"""The ``action_id`` of the menu of ends; a value is the number of the question and an instant."""


def usage_line(view: ReservationView) -> str:
    """Return the line of a card whose holder is being asked, or nothing."""
    if view.usage is None or view.state is not ReservationState.ACTIVE:
        return ""
    nobody = view.usage.question == UsageQuestion.NO_SHOW
    what = "No process has come yet" if nobody else "Its GPUs are idle"
    return f":eyes: {what}: released {slack_time(view.usage.expires_at)} unless it is kept."


def usage_buttons(view: ReservationView) -> list[Block]:
    """Return Keep for a card whose holder is being asked; Release is on it anyway."""
    if not usage_line(view) or view.usage is None:
        return []
    return [button("Keep", KEEP_ACTION, str(view.usage.check_id), style="primary")]
