"""``/gpu calendar``."""

from __future__ import annotations

import re

from bot.domain.errors import UnreadableRequest
from bot.domain.feeds import FeedKind
from bot.services import feeds
from bot.slack.asked import Asked
from bot.slack.blocks.feeds import feed_made_card, feed_revoked_card, feeds_card
from bot.slack.desk import Desk
from bot.slack.tokens import clip_word

WANTED = "`/gpu calendar link` (yours), `link team`, `link gpu3@host2`, `links`, or `revoke 3`"
_REVOKE = re.compile(r"revoke\s+#?(\d{1,9})\Z")
_GPU = re.compile(r"gpu\d{1,4}(?:@[a-z0-9][a-z0-9._-]{0,99})?\Z")


async def calendar(desk: Desk, asked: Asked, rest: str) -> None:
    """Make an address for a calendar program, list those there are, or revoke one.

    Raises:
        UnreadableRequest: it was asked for in words that are not understood.
        UnknownGpu: there is no such GPU.
        UnknownOffer: there is no such address of the one who asks.
    """
    member, _ = await desk.member(asked)
    text = " ".join(rest.lower().split())
    revoked = _REVOKE.match(text)
    if revoked:
        await desk.run(feeds.revoke, member, int(revoked[1]))
        await desk.answering.tell(asked, feed_revoked_card(int(revoked[1])))
    elif text in ("", "links"):
        await desk.answering.tell(asked, feeds_card(await desk.run(feeds.listed, member)))
    else:
        kind, name = read_link(text)
        link = await desk.run(feeds.make, member, kind, name)
        url = f"{desk.public_url}/calendar/{link.secret}.ics"
        await desk.answering.tell(asked, feed_made_card(link, url))


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
