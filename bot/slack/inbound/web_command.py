"""``/gpu web``."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from bot.domain.errors import UnreadableRequest
from bot.services import queries, sign_in
from bot.slack.asked import Asked
from bot.slack.blocks.web_link import web_link_card
from bot.slack.desk import Desk

PAGES = {"": "/timeline", "timeline": "/timeline", "runs": "/runs", "home": "/"}


async def show_web(desk: Desk, asked: Asked, rest: str) -> None:
    """Give the one who asked a link that signs them in to the pages, once.

    It leads to what was named: ``R12``, ``timeline`` (also where nothing is) or ``runs``.

    Raises:
        UnreadableRequest: there is no such page.
        UnknownReservation: there is no reservation of that number.
    """
    member, _ = await desk.member(asked)
    path = page_path(rest)
    number = path.removeprefix("/reservations/")
    if number != path:
        await desk.run(queries.reservation, int(number))
    link = await desk.run(sign_in.make_link, member, path)
    url = f"{desk.public_url}/sign-in/link?{urlencode({'token': link.secret})}"
    await desk.answering.tell(asked, web_link_card(url, link.good_for))


def page_path(text: str) -> str:
    """Return the path of the page that is meant by what was written after ``/gpu web``.

    Raises:
        UnreadableRequest: there is no such page.
    """
    word = text.strip().lower()
    number = re.fullmatch(r"r(\d{1,9})", word)
    if number:
        return f"/reservations/{int(number[1])}"
    if word in PAGES:
        return PAGES[word]
    raise UnreadableRequest(
        text, "a page: `timeline`, `runs`, `home`, or a reservation such as `R12`"
    )


async def click_link(_desk: Desk, _asked: Asked) -> None:
    """Do nothing: the browser follows the link by itself."""
