"""``/gpu report``: the sums in words; the picture and the CSV come as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from bot.domain.use_report import UseReport, UseRow
from bot.slack.blocks.card import Card
from bot.slack.blocks.rule_words import number
from bot.slack.blocks.text import context, duration_text, header, safe, section, slack_date

MOST_ROWS = 10


def report_card(report: UseReport, web_url: str) -> Card:
    """Return a report in words."""
    share = report.held / report.capacity if report.capacity else 0.0
    text = (
        f"{_hours(report.held)} of {_hours(report.capacity)} GPU-hours were held ({share:.0%}),"
        f" from {slack_date(report.window.start)} to {slack_date(report.window.end)}."
    )
    return Card(
        text,
        (
            header("Who had what"),
            section(text),
            section(_rows("By team", report.by_team)),
            section(_rows("By type of GPU", report.by_type)),
            section("*What came of it*\n" + "\n".join(_outcomes(report))),
            context(f"Picture and CSV come by direct message · {web_url}/report"),
        ),
    )


def _hours(length: timedelta) -> str:
    return number(length.total_seconds() / 3600)


def _rows(title: str, rows: Iterable[UseRow]) -> str:
    shown = [_row(row) for row in rows][:MOST_ROWS]
    return "\n".join([f"*{title}*", *(shown or ["nobody held any GPU"])])


def _row(row: UseRow) -> str:
    share = row.used_share
    used = "not measured" if share is None else f"{share:.0%} of what was measured in use"
    return f"• {safe(row.name, 60)}: {_hours(row.held)} GPU-hours, {used}"


def _outcomes(report: UseReport) -> Iterable[str]:
    yield f"• cancelled: {report.cancelled}"
    yield f"• nobody came: {_counts(report.no_shows)}"
    yield f"• stopped for a higher priority: {_counts(report.preempted)}"
    yield f"• took GPUs back: {_counts(report.preempting)}"
    for waiting in report.waiting:
        served = f"{waiting.served} served after {duration_text(waiting.mean_wait)} on average"
        yield f"• {safe(waiting.kind, 20)}: {served}, {waiting.given_up} not"
    honesty = report.honesty
    if honesty.median_error is not None:
        yield (
            f"• forecasts at half time: off by {honesty.median_error:.0%} of what was left"
            f" (median of {honesty.forecasts})"
        )


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{safe(name, 40)} {count}" for name, count in list(counts.items())[:MOST_ROWS]]
    return ", ".join(shown) or "none"
