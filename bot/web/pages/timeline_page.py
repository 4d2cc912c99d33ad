"""``/timeline``: every GPU a track; what it shows comes from ``/api/v1/timeline``."""

from __future__ import annotations

from bot.web.pages.page import Content, Page, Visit

ZOOMS = (
    ("day", "Day"),
    ("3days", "3 days"),
    ("week", "Week"),
    ("2weeks", "2 weeks"),
    ("month", "Month"),
)


async def _shows(_visit: Visit) -> Content:
    return Content("timeline.html", {"zooms": ZOOMS})


PAGE = Page(
    "/timeline",
    "Timeline",
    _shows,
    in_navigation=True,
    scripts=("timeline/main.js",),
    styles=("timeline.css",),
)
