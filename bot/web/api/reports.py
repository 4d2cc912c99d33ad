"""The API of reports: use by team and type of GPU, and what came of what was booked."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from bot.domain.people import Member
from bot.domain.use_report import UseReport, UseRow
from bot.ports.use_cases import UseCaseRunner
from bot.services import use_reports
from bot.services.report_csv import report_csv
from bot.web.api.wishes import Instant

A_WEEK = timedelta(days=7)
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}}, "description": "one figure in a line"}
}


class UseAnswer(BaseModel):
    """GPU-time in seconds that was held, and of that what was measured and in use."""

    name: str
    held_s: float
    reservations: int
    measured_s: float
    used_s: float

    @classmethod
    def of(cls, row: UseRow) -> UseAnswer:
        """Return a row's answer."""
        return cls(
            name=row.name,
            held_s=row.held.total_seconds(),
            reservations=row.reservations,
            measured_s=row.measured.total_seconds(),
            used_s=row.used.total_seconds(),
        )


class DayAnswer(BaseModel):
    """What is booked, expected and available on a day, in GPU-seconds."""

    day: date
    booked_s: float
    expected_s: float
    capacity_s: float


class CancellationAnswer(BaseModel):
    """A reservation that was cancelled."""

    reservation_id: int
    holder: str
    team: str
    reason: str


class WaitingAnswer(BaseModel):
    """How long who waited did so."""

    kind: str
    served: int
    given_up: int
    mean_s: float
    longest_s: float


class ReportAnswer(BaseModel):
    """A report; ``heat_s`` has a row for each weekday, Monday first, of 24 hours."""

    start: datetime
    end: datetime
    zone: str
    gpus: int
    capacity_s: float
    teams: list[UseAnswer]
    gpu_types: list[UseAnswer]
    heat_s: list[list[float]]
    forecast: list[DayAnswer]
    forecasts: int
    forecast_median_error: float | None
    forecasts_within_range: int
    cancelled: int
    cancellations: list[CancellationAnswer]
    no_shows: dict[str, int]
    preempted: dict[str, int]
    preempting: dict[str, int]
    waiting: list[WaitingAnswer]

    @classmethod
    def of(cls, report: UseReport) -> ReportAnswer:
        """Return a report's answer."""
        return cls(
            start=report.window.start,
            end=report.window.end,
            zone=report.zone_name,
            gpus=report.gpu_count,
            capacity_s=report.capacity.total_seconds(),
            teams=[UseAnswer.of(row) for row in report.by_team],
            gpu_types=[UseAnswer.of(row) for row in report.by_type],
            heat_s=[[cell.total_seconds() for cell in row] for row in report.heat],
            forecast=[
                DayAnswer(
                    day=day.day,
                    booked_s=day.booked.total_seconds(),
                    expected_s=day.expected.total_seconds(),
                    capacity_s=day.capacity.total_seconds(),
                )
                for day in report.foreseen
            ],
            forecasts=report.honesty.forecasts,
            forecast_median_error=report.honesty.median_error,
            forecasts_within_range=report.honesty.within_range,
            cancelled=report.cancelled,
            cancellations=[
                CancellationAnswer(
                    reservation_id=one.reservation_id,
                    holder=one.who,
                    team=one.team_name,
                    reason=one.reason,
                )
                for one in report.cancellations
            ],
            no_shows=dict(report.no_shows),
            preempted=dict(report.preempted),
            preempting=dict(report.preempting),
            waiting=[
                WaitingAnswer(
                    kind=one.kind,
                    served=one.served,
                    given_up=one.given_up,
                    mean_s=one.mean_wait.total_seconds(),
                    longest_s=one.longest_wait.total_seconds(),
                )
                for one in report.waiting
            ],
        )


Start = Annotated[Instant | None, Query(description="a week before the end, when left out")]
End = Annotated[Instant | None, Query(description="now at most, and when left out")]


def report_routes(run: UseCaseRunner, door: Any) -> APIRouter:
    """Return the routes of reports."""
    router = APIRouter(tags=["reports"])

    async def made(member: Member, start: datetime | None, end: datetime | None) -> UseReport:
        if start is None:
            return await run(use_reports.latest, member, A_WEEK, end)
        return await run(use_reports.report, member, start, end)

    @router.get("/report", summary="Who had what, what came of it, and what is to be expected")
    async def report(member: Member = door, start: Start = None, end: End = None) -> ReportAnswer:
        return ReportAnswer.of(await made(member, start, end))

    @router.get("/report.csv", response_class=Response, responses=CSV, summary="The same as CSV")
    async def as_csv(member: Member = door, start: Start = None, end: End = None) -> Response:
        return Response(
            report_csv(await made(member, start, end)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="berth-report.csv"'},
        )

    return router
