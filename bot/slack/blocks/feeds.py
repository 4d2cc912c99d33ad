"""``/gpu calendar``: secret addresses for calendar programs."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.feeds import FeedKind, FeedLink, FeedView
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import code_block, context, header, safe, section, slack_date

MOST_LISTED = 20
_WHOSE = {FeedKind.MEMBER: "your reservations", FeedKind.TEAM: "team", FeedKind.GPU: "GPU"}


def feed_made_card(link: FeedLink, url: str) -> Card:
    """Return a new address; only the one who asked reads it, and only now."""
    text = f":calendar: The calendar of {_name(link.kind, link.name)}"
    return Card(
        text,
        (
            section(f"{text}: subscribe to this address in your calendar."),
            section(code_block([url])),
            context(
                "Whoever has the address can read the calendar, so do not pass it on; it is shown"
                " only now. `/gpu calendar links` lists yours, `/gpu calendar revoke 3` ends one."
            ),
        ),
    )


def feeds_card(views: Sequence[FeedView]) -> Card:
    """Return somebody's addresses, without their secrets."""
    if not views:
        text = "You have no calendar link. `/gpu calendar link` makes one."
        return Card(text, (section(text),))
    lines = [_line(view) for view in views[:MOST_LISTED]]
    return Card(
        "Your calendar links",
        (
            header("Your calendar links"),
            section("\n".join(lines)),
            context("`/gpu calendar revoke 3` ends number 3."),
        ),
    )


def feed_revoked_card(link_id: int) -> Card:
    """Return that an address shows nothing any more."""
    text = f":no_entry_sign: Calendar link {link_id} shows nothing any more."
    return Card(text, (section(text),))


def picture_comes_card(web_url: str) -> Card:
    """Return that the calendar comes as a picture, and where all of it is."""
    where = f"All of it: {web_url}/timeline"
    text = f":frame_with_picture: The calendar comes by direct message. {where}"
    return Card(text, (section(text),))


def _name(kind: FeedKind, name: str) -> str:
    return _WHOSE[kind] if kind is FeedKind.MEMBER else f"{_WHOSE[kind]} {safe(name, 60)}"


def _line(view: FeedView) -> str:
    used = "never read" if view.last_used_at is None else f"read {slack_date(view.last_used_at)}"
    made = slack_date(view.created_at)
    return f"• *{view.link_id}*: {_name(view.kind, view.name)}, made {made}, {used}"
