"""A report as a picture: who held and used how much, the busiest hours, what is to be expected."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bot.domain.use_report import UseReport
from bot.services.report_csv import WEEKDAYS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PAPER, FAINT = "#1d1c1d", "#ffffff", "#b8b8b8"
HELD, USED, EXPECTED = "#0072b2", "#e69f00", "#56b4e9"
MOST_TEAMS = 10
NAME_CHARS = 24


def report_picture(report: UseReport) -> bytes:
    """Return a PNG on a background of its own, so that it reads in light and in dark."""
    figure = blank(10, 9)
    by_team, heat, ahead = figure.subplots(3, 1, height_ratios=[3, 3, 2.4])
    _by_team(by_team, report)
    _heat(figure, heat, report)
    _ahead(ahead, report)
    return png_of(figure)


def blank(width_inches: float, height_inches: float) -> Figure:
    """Return an empty picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - importing it makes folders in the home

    return Figure(
        figsize=(width_inches, height_inches), dpi=110, facecolor=PAPER, layout="constrained"
    )


def png_of(figure: Figure) -> bytes:
    """Return a picture as PNG."""
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": "Berth"})
    return png.getvalue()


def alt_text(report: UseReport) -> str:
    """Return what the picture shows, for those who do not see it."""
    hours = report.held.total_seconds() / 3600
    share = report.held / report.capacity if report.capacity else 0.0
    first = report.by_team[0].name if report.by_team else "nobody"
    return (
        f"GPU use from {report.window.start:%d %b} to {report.window.end:%d %b}: {hours:.0f}"
        f" GPU-hours held, {share:.0%} of all; {first} held most. Below, the busiest hours of the"
        " week, and the next seven days against capacity."
    )


def plain(text: str) -> str:
    """Return a name as a picture can show it: short, and never read as a formula."""
    short = text if len(text) <= NAME_CHARS else f"{text[: NAME_CHARS - 1]}…"
    return "".join(sign if sign.isprintable() else "?" for sign in short).replace("$", r"\$")


def _by_team(axes: Axes, report: UseReport) -> None:
    rows = report.by_team[:MOST_TEAMS][::-1]
    places = range(len(rows))
    axes.barh(
        [place + 0.2 for place in places],
        [row.held.total_seconds() / 3600 for row in rows],
        0.4,
        color=HELD,
        label="held",
    )
    axes.barh(
        [place - 0.2 for place in places],
        [row.used.total_seconds() / 3600 for row in rows],
        0.4,
        color=USED,
        label="measured in use",
    )
    axes.set_yticks(list(places), [plain(row.name) for row in rows])
    axes.set_title("GPU-hours by team", loc="left", color=INK, fontweight="bold")
    if rows:
        axes.legend(loc="lower right", frameon=False)
    else:
        axes.text(0.5, 0.5, "Nobody held any GPU", ha="center", transform=axes.transAxes)


def _heat(figure: Figure, axes: Axes, report: UseReport) -> None:
    cells = [[cell.total_seconds() / 3600 for cell in row] for row in report.heat]
    image = axes.imshow(cells, aspect="auto", cmap="YlGnBu", vmin=0)
    axes.set_yticks(range(7), list(WEEKDAYS))
    axes.set_xticks(range(0, 24, 2), [f"{hour:02}" for hour in range(0, 24, 2)])
    title = f"GPU-hours by hour of the day ({plain(report.zone_name)})"
    axes.set_title(title, loc="left", color=INK, fontweight="bold")
    figure.colorbar(image, ax=axes, pad=0.01)


def _ahead(axes: Axes, report: UseReport) -> None:
    names = [f"{day.day:%a %d}" for day in report.foreseen]
    axes.bar(
        names,
        [day.expected.total_seconds() / 3600 for day in report.foreseen],
        color=EXPECTED,
        label="expected",
    )
    axes.bar(
        names,
        [day.booked.total_seconds() / 3600 for day in report.foreseen],
        0.5,
        color=HELD,
        label="booked",
    )
    axes.step(
        names,
        [day.capacity.total_seconds() / 3600 for day in report.foreseen],
        where="mid",
        color=INK,
        linestyle="--",
        label="capacity",
    )
    axes.set_title("GPU-hours ahead, by day", loc="left", color=INK, fontweight="bold")
    axes.legend(loc="upper right", frameon=False, ncols=3)
