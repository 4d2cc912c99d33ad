"""``/gpu calendar``."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.domain.errors import UnreadableRequest
from bot.domain.feeds import FeedKind
from bot.domain.people import Member
from bot.domain.timeline import Timeline
from bot.services import feeds, timeline
from bot.services.calendar_picture import calendar_alt_text, calendar_picture
from bot.slack.asked import Asked
from bot.slack.blocks.feeds import (
    feed_made_card,
    feed_revoked_card,
    feeds_card,
    picture_comes_card,
)
from bot.slack.desk import Desk
from bot.slack.outbound.file_answers import FileAnswer, send_files
from bot.slack.tokens import clip_word

WANTED = (
    "`/gpu calendar` or `week` for a picture; `link` (yours), `link team`, `link gpu3@host2`,"
    " `links`, or `revoke 3`"
)
LENGTHS = {"": timedelta(days=1), "day": timedelta(days=1), "week": timedelta(days=7)}
_REVOKE = re.compile(r"revoke\s+#?(\d{1,9})\Z")
_GPU = re.compile(r"gpu\d{1,4}(?:@[a-z0-9][a-z0-9._-]{0,99})?\Z")


async def calendar(desk: Desk, asked: Asked, rest: str) -> None:
    """Show the calendar as a picture; or make, list or revoke addresses for calendar programs.

    Raises:
        UnreadableRequest: it was asked for in words that are not understood.
        UnknownGpu: there is no such GPU.
        Unavailable: Slack does not take the picture.
        UnknownOffer: there is no such address of the one who asks.
    """
    member, zone = await desk.member(asked)
    text = " ".join(rest.lower().split())
    revoked = _REVOKE.match(text)
    if revoked:
        await desk.run(feeds.revoke, member, int(revoked[1]))
        await desk.answering.tell(asked, feed_revoked_card(int(revoked[1])))
    elif text in LENGTHS:
        await _show_picture(desk, asked, member, zone, LENGTHS[text])
    elif text == "links":
        await desk.answering.tell(asked, feeds_card(await desk.run(feeds.listed, member)))
    else:
        kind, name = read_link(text)
        link = await desk.run(feeds.make, member, kind, name)
        url = f"{desk.public_url}/calendar/{link.secret}.ics"
        await desk.answering.tell(asked, feed_made_card(link, url))


async def _show_picture(
    desk: Desk, asked: Asked, member: Member, zone: ZoneInfo, length: timedelta
) -> None:
    """Send the picture as a direct message: what only one person sees cannot hold a file."""
    now = desk.clock.now()
    shown: Timeline = await desk.run(timeline.snapshot, member, now - length / 12, now + length)
    await desk.answering.tell(asked, picture_comes_card(desk.public_url))
    picture = await asyncio.to_thread(calendar_picture, shown, zone)
    file = FileAnswer("calendar.png", "Who has which GPU", picture, calendar_alt_text(shown))
    comment = f"Who has which GPU; all of it: {desk.public_url}/timeline"
    await send_files(desk.client, asked.user_id, (file,), comment)


def read_link(text: str) -> tuple[FeedKind, str]:
    """Return of what a link is wanted.

    Raises:
        UnreadableRequest: of nothing that there could be one of.
    """
    what = text.removeprefix("link").strip()
    if text.startswith("link") and what in ("", "mine", "me"):
        return FeedKind.MEMBER, ""
    if text.startswith("link") and what == "team":
        return FeedKind.TEAM, ""
    if text.startswith("link") and _GPU.match(what):
        return FeedKind.GPU, what
    raise UnreadableRequest(clip_word(text), WANTED)
