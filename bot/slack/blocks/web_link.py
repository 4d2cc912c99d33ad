"""``/gpu web``: the link that signs somebody in to the pages."""

from __future__ import annotations

from datetime import timedelta

from bot.slack.blocks.card import Card
from bot.slack.blocks.text import actions, button, context, duration_text, section

OPEN_ACTION = "web.open"
"""Slack tells of clicks on links too; there is nothing to do but to acknowledge them."""


def web_link_card(url: str, good_for: timedelta) -> Card:
    """Return the link as a button; only the one who asked reads it."""
    return Card(
        "Your link to Berth's pages",
        (
            section("The timeline, your runs and reports are in the browser."),
            actions([button("Open Berth", OPEN_ACTION, url=url, style="primary")]),
            context(
                f"The link signs *you* in, once, within {duration_text(good_for)}:"
                " do not pass it on. After that `/gpu web` gives a new one."
            ),
        ),
    )
