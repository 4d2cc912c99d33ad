"""Every page, in the order of the navigation. To add one: a module with a `Page`, a row here."""

from __future__ import annotations

from bot.web.pages import (
    audit_page,
    overview,
    report_page,
    reservation_page,
    run_pages,
    timeline_page,
)
from bot.web.pages.page import Page

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    timeline_page.PAGE,
    run_pages.LIST,
    reservation_page.PAGE,
    run_pages.ONE,
    audit_page.PAGE,
    report_page.PAGE,
)
