"""What a link to one of Berth's pages shows below it."""

from __future__ import annotations

from datetime import datetime

from bot.domain.views import ReservationView, Status
from bot.slack.blocks.reservation_card import reservation_card
from bot.slack.blocks.status import summary_text
from bot.slack.blocks.text import Block, actions, button, context, section
from bot.slack.blocks.web_link import OPEN_ACTION


def reservation_preview(view: ReservationView, now: datetime, url: str) -> list[Block]:
    """Return the card as it is now, without its buttons: it is not edited any more."""
    text = reservation_card(view, now).blocks[0]["text"]["text"]
    return [section(text), context("As of when the link was posted."), _open(url)]


def timeline_preview(status: Status, url: str) -> list[Block]:
    """Return how many GPUs are free, and the way to the timeline."""
    return [section(f":calendar: *Timeline* · {summary_text(status)}"), _open(url)]


def _open(url: str) -> Block:
    return actions([button("Open", OPEN_ACTION, url=url)])
