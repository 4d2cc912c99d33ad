"""``/``: what is free now, and what is mine."""

from __future__ import annotations

from bot.services import queries, timeline
from bot.web.pages.page import Content, Page, Visit


async def _shows(visit: Visit) -> Content:
    free, known = await visit.run(timeline.free_now)
    mine = await visit.run(queries.mine, visit.member)
    return Content("overview.html", {"free": free, "known": known, "mine": mine})


PAGE = Page("/", "Overview", _shows, in_navigation=True)
