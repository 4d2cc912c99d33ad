"""``/gpu web``."""

from __future__ import annotations

from urllib.parse import urlencode

from bot.services import sign_in
from bot.slack.asked import Asked
from bot.slack.blocks.web_link import web_link_card
from bot.slack.desk import Desk


async def show_web(desk: Desk, asked: Asked, _rest: str) -> None:
    """Give the one who asked a link that signs them in to the pages, once."""
    member, _ = await desk.member(asked)
    link = await desk.run(sign_in.make_link, member)
    url = f"{desk.public_url}/sign-in/link?{urlencode({'token': link.secret})}"
    await desk.answering.tell(asked, web_link_card(url, link.good_for))


async def click_link(_desk: Desk, _asked: Asked) -> None:
    """Do nothing: the browser follows the link by itself."""
