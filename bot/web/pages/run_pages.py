"""``/runs`` and ``/runs/7``: trainings, how they go, and what they have left behind."""

from __future__ import annotations

from bot.domain.errors import UnknownRun
from bot.domain.run_reports import EpochReport, RunReport
from bot.services import run_reports
from bot.web.pages.charts import Chart, chart
from bot.web.pages.page import Content, Page, Visit

MOST_LISTED = 100
MOST_EPOCHS_SHOWN = 50
MOST = 2**53


async def _list(visit: Visit) -> Content:
    mine = visit.request.query_params.get("whose") == "mine"
    runs = await visit.run(
        run_reports.recent, visit.member if mine else None, states=(), limit=MOST_LISTED
    )
    return Content("runs.html", {"runs": runs, "mine": mine})


async def _one(visit: Visit) -> Content:
    number = int(visit.request.path_params["number"])
    if not 0 < number < MOST:
        raise UnknownRun(number)
    report: RunReport = await visit.run(run_reports.report, number)
    values = {
        "report": report,
        "summary": report.summary,
        "charts": [
            (title, drawn)
            for title, drawn in (
                ("Losses", _chart_of(report.epochs, "losses")),
                ("Metrics", _chart_of(report.epochs, "metrics")),
            )
            if drawn is not None
        ],
        "epochs": report.epochs[-MOST_EPOCHS_SHOWN:],
    }
    return Content("run.html", values, f"Run {number}")


def _chart_of(epochs: tuple[EpochReport, ...], which: str) -> Chart | None:
    names = sorted({name for epoch in epochs for name in getattr(epoch, which)})
    return chart([(name, [getattr(epoch, which).get(name) for epoch in epochs]) for name in names])


LIST = Page("/runs", "Runs", _list, in_navigation=True)
ONE = Page("/runs/{number:int}", "Run", _one)
