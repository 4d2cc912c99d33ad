"""``/gpu hosts``."""

from __future__ import annotations

from bot.services import host_list
from bot.slack.asked import Asked
from bot.slack.blocks.admin import hosts_card
from bot.slack.desk import Desk


async def show_hosts(desk: Desk, asked: Asked, _rest: str) -> None:
    """List the hosts: whether each answers, what it has, which agent it runs."""
    _, tz = await desk.member(asked)
    await desk.answering.tell(asked, hosts_card(await desk.run(host_list.list_hosts), tz))
