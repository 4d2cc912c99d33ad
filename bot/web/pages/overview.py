"""``/``: what is free now, and what is mine."""

from __future__ import annotations

from bot.services import queries
from bot.web.pages.page import Content, Page, Visit


async def _shows(visit: Visit) -> Content:
    status = await visit.run(queries.status)
    mine = await visit.run(queries.mine, visit.member)
    return Content("overview.html", {"status": status, "mine": mine})


PAGE = Page("/", "Overview", _shows, in_navigation=True)
