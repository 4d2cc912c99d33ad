"""A report as CSV: one figure in a line, with what it is of, for any spreadsheet to pivot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from bot.domain.use_report import UseReport, UseRow

HEADER = ("section", "name", "measure", "value", "unit")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Line = tuple[str, str, str, object, str]


def report_csv(report: UseReport) -> bytes:
    """Return a report as CSV in UTF-8, with the mark by which spreadsheets know that it is.

    What people have written is never a formula: it gets an apostrophe in front where a spreadsheet
    would take it for one.  https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for section, name, measure, value, unit in _lines(report):
        shown = _harmless(value) if isinstance(value, str) else value
        writer.writerow((section, _harmless(name), measure, shown, unit))
    return text.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(report: UseReport) -> Iterator[Line]:
    yield "window", "", "start", report.window.start.isoformat(), "UTC"
    yield "window", "", "end", report.window.end.isoformat(), "UTC"
    yield "window", "", "capacity", report.capacity.total_seconds(), "GPU-seconds"
    for section, rows in (("team", report.by_team), ("gpu_type", report.by_type)):
        for row in rows:
            yield from _use(section, row)
    for weekday, cells in zip(WEEKDAYS, report.heat, strict=True):
        for hour, held in enumerate(cells):
            yield "hours", f"{weekday} {hour:02}", "held", held.total_seconds(), "GPU-seconds"
    for day in report.foreseen:
        for measure, span in (
            ("booked", day.booked),
            ("expected", day.expected),
            ("capacity", day.capacity),
        ):
            yield "forecast", day.day.isoformat(), measure, span.total_seconds(), "GPU-seconds"
    yield from _outcomes(report)


def _outcomes(report: UseReport) -> Iterator[Line]:
    yield "estimates", "", "forecasts", report.honesty.forecasts, ""
    if report.honesty.median_error is not None:
        yield "estimates", "", "median_error", round(report.honesty.median_error, 4), "share"
        yield "estimates", "", "within_range", report.honesty.within_range, ""
    yield "cancelled", "", "reservations", report.cancelled, ""
    for ended in report.cancellations:
        yield "cancelled", f"R{ended.reservation_id}", "reason", ended.reason, ended.team_name
    for section, counts in (
        ("no_shows", report.no_shows),
        ("preempted", report.preempted),
        ("preempting", report.preempting),
    ):
        for name, count in counts.items():
            yield section, name, "count", count, ""
    for waiting in report.waiting:
        yield "waiting", waiting.kind, "served", waiting.served, ""
        yield "waiting", waiting.kind, "given_up", waiting.given_up, ""
        yield "waiting", waiting.kind, "mean", waiting.mean_wait.total_seconds(), "seconds"
        yield "waiting", waiting.kind, "longest", waiting.longest_wait.total_seconds(), "seconds"


def _use(section: str, row: UseRow) -> Iterator[Line]:
    yield section, row.name, "held", row.held.total_seconds(), "GPU-seconds"
    yield section, row.name, "reservations", row.reservations, ""
    yield section, row.name, "measured", round(row.measured.total_seconds(), 3), "GPU-seconds"
    yield section, row.name, "used", round(row.used.total_seconds(), 3), "GPU-seconds"
