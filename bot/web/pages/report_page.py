"""``/report``: who had what, what came of it, and what is to be expected."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from bot.domain.use_report import UseReport
from bot.services import use_reports
from bot.services.report_csv import WEEKDAYS
from bot.web.pages.page import Content, Page, Visit

PERIODS = {"day": 1, "week": 7, "month": 30, "quarter": 91}


async def _shows(visit: Visit) -> Content:
    asked = visit.request.query_params.get("period", "week")
    period = asked if asked in PERIODS else "week"
    report: UseReport = await visit.run(
        use_reports.latest, visit.member, timedelta(days=PERIODS[period])
    )
    window = {"start": report.window.start.isoformat(), "end": report.window.end.isoformat()}
    most = max((cell for row in report.heat for cell in row), default=timedelta())
    heat = [
        (
            name,
            [(hour, cell, _level(cell, most)) for hour, cell in enumerate(row)],
        )
        for name, row in zip(WEEKDAYS, report.heat, strict=True)
    ]
    values = {
        "report": report,
        "period": period,
        "periods": list(PERIODS),
        "heat": heat,
        "csv": urlencode(window),
        "hours": hours,
        "percent": percent,
    }
    return Content("report.html", values)


def hours(length: timedelta) -> str:
    """Return GPU-hours as pages show them."""
    return f"{length.total_seconds() / 3600:,.1f}"


def percent(share: float | None) -> str:
    """Return a share as pages show it."""
    return "not measured" if share is None else f"{share:.0%}"


def _level(cell: timedelta, most: timedelta) -> int:
    """Return how dark a cell of the heat map is, from 0 to 5."""
    return 0 if not cell or not most else min(5, 1 + int(cell / most * 4.999))


PAGE = Page("/report", "Report", _shows, in_navigation=True, styles=("report.css",))
