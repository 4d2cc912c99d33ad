"""``/audit``: who did what to which thing, when, and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from urllib.parse import urlencode

from bot.domain.audit_views import AuditFilter
from bot.services import audit_search
from bot.web.pages.page import Content, Page, Visit
from bot.web.sign_in import zone_of

PER_PAGE = 100
_NUMBER = re.compile(r"[Rr]?(\d{1,15})\Z")
_FIELDS = ("who", "what", "action", "since", "until")


async def _shows(visit: Visit) -> Content:
    query = visit.request.query_params
    asked = {name: query.get(name, "").strip()[:200] for name in _FIELDS}
    wanted, faults = _filter(visit, asked)
    cursor = query.get("cursor", "")
    page = await visit.run(
        audit_search.search,
        visit.member,
        wanted,
        int(cursor) if cursor.isdecimal() and len(cursor) < 16 else None,
        PER_PAGE,
    )
    kept = {name: value for name, value in asked.items() if value}
    older = urlencode({**kept, "cursor": page.cursor}) if page.cursor is not None else ""
    return Content(
        "audit.html",
        {
            "asked": asked,
            "lines": page.lines,
            "older": older,
            "faults": faults,
            "export": urlencode(_export(wanted)),
        },
    )


def _filter(visit: Visit, asked: dict[str, str]) -> tuple[AuditFilter, list[str]]:
    faults: list[str] = []
    number = _NUMBER.match(asked["what"]) if asked["what"] else None
    if asked["what"] and number is None:
        faults.append("What: a reservation such as R12.")
    days: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        days[name] = None
        if asked[name]:
            try:
                day = datetime.strptime(asked[name], "%Y-%m-%d").date()  # noqa: DTZ007 - a date alone, its zone is the reader's
                days[name] = datetime.combine(day, time(), zone_of(visit.member)).astimezone(UTC)
            except (ValueError, OverflowError):
                faults.append(f"{name.title()}: a date such as 2026-11-23.")
    return (
        AuditFilter(
            asked["who"],
            "reservation" if number else "",
            int(number[1]) if number else None,
            asked["action"],
            days["since"],
            days["until"],
        ),
        faults,
    )


def _export(wanted: AuditFilter) -> dict[str, str]:
    values: dict[str, object] = {
        "who": wanted.who,
        "subject_type": wanted.subject_kind,
        "subject_id": "" if wanted.subject_id is None else wanted.subject_id,
        "action": wanted.action,
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
    }
    return {name: str(value) for name, value in values.items() if value != ""}


PAGE = Page("/audit", "Audit", _shows, in_navigation=True)
