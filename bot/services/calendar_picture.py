"""Who has which GPU when, as a picture: the timeline for where nobody can scroll."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from bot.domain.states import ReservationKind
from bot.domain.timeline import Bar, Timeline
from bot.services.report_picture import INK, PAPER, blank, plain, png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUT_OF_SERVICE = "#d9d9d9"
NOW = "#d1242f"
MOST_TRACKS = 64
MOST_TEAMS = 12
TRACK_INCHES, LEAST_INCHES = 0.28, 2.2
LABEL_SHARE = 0.045
"""A bar shorter than this share of the window has no room for its label."""


def calendar_picture(timeline: Timeline, zone: tzinfo) -> bytes:
    """Return a PNG on a background of its own, so that it reads in light and in dark."""
    tracks = _tracks(timeline)
    height = LEAST_INCHES + TRACK_INCHES * len(tracks)
    figure = blank(11, height)
    axes = figure.subplots()
    places = {gpu_id: place for place, (gpu_id, _) in enumerate(tracks)}
    colours = {team.name: team.colour for team in timeline.teams}
    for bar in timeline.bars:
        _draw(axes, bar, places, colours, timeline)
    axes.set_yticks(range(len(tracks)), [name for _, name in tracks])
    axes.set_ylim(len(tracks) - 0.5, -0.5)
    axes.set_xlim(0, _hours(timeline, timeline.window.end))
    ticks = _ticks(timeline, zone)
    axes.set_xticks([_hours(timeline, at) for at, _ in ticks], [words for _, words in ticks])
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    if timeline.window.contains(timeline.now):
        axes.axvline(_hours(timeline, timeline.now), color=NOW, linewidth=2, label="now")
    title = f"Who has which GPU ({plain(str(zone))}); the red line is now"
    axes.set_title(title, loc="left", color=INK)
    _legend(axes, timeline)
    return png_of(figure)


def _hours(timeline: Timeline, at: datetime) -> float:
    return (at - timeline.window.start) / timedelta(hours=1)


def _ticks(timeline: Timeline, zone: tzinfo) -> list[tuple[datetime, str]]:
    """Return full hours of the reader's zone, or its midnights where the window is of days."""
    step = timedelta(hours=24 if timeline.window.length > timedelta(days=2) else 3)
    hour = timedelta(hours=1)
    at = timeline.window.start.replace(minute=0, second=0, microsecond=0) + hour
    found = []
    while at < timeline.window.end:
        local = at.astimezone(zone)
        if local.hour % (step // hour) == 0:
            words = f"{local:%a %d %b}" if local.hour == 0 else f"{local:%H:%M}"
            found.append((at, words))
        at += hour
    return found


def calendar_alt_text(timeline: Timeline) -> str:
    """Return what the picture shows, for those who do not see it."""
    gpus = sum(len(host.tracks) for host in timeline.hosts)
    days = timeline.window.length / timedelta(days=1)
    teams = sorted({bar.team_name for bar in timeline.bars})
    who = ", ".join(teams[:MOST_TEAMS]) or "nobody"
    return (
        f"Calendar of {gpus} GPUs, {days:.0f} days: {len(timeline.bars)} reservations, of {who}."
    )[:1000]


def _tracks(timeline: Timeline) -> list[tuple[int, str]]:
    """Return the GPUs that are drawn; of very many the first ones."""
    found = [(track.gpu_id, plain(track.name)) for host in timeline.hosts for track in host.tracks]
    return found[:MOST_TRACKS]


def _draw(
    axes: Axes, bar: Bar, places: dict[int, int], colours: dict[str, str], timeline: Timeline
) -> None:
    start = _hours(timeline, max(bar.window.start, timeline.window.start))
    end = _hours(timeline, min(bar.window.end, timeline.window.end))
    away = bar.kind is ReservationKind.MAINTENANCE
    colour = OUT_OF_SERVICE if away else colours.get(bar.team_name) or OUT_OF_SERVICE
    label = "out of service" if away else f"R{bar.reservation_id} {bar.team_name}"
    whole = timeline.window.length / timedelta(hours=1)
    for gpu_id in bar.gpu_ids:
        if gpu_id not in places:
            continue
        axes.barh(
            places[gpu_id],
            end - start,
            0.8,
            left=start,
            color=colour,
            edgecolor=PAPER,
            hatch="//" if away else None,
        )
        if end - start > LABEL_SHARE * whole:
            axes.text(
                start,
                places[gpu_id],
                f" {plain(label)}",
                va="center",
                fontsize=7,
                color=INK,
                clip_on=True,
                bbox={"facecolor": PAPER, "alpha": 0.75, "pad": 0.5, "edgecolor": "none"},
            )


def _legend(axes: Axes, timeline: Timeline) -> None:
    shown = {bar.team_name for bar in timeline.bars}
    teams = [team for team in timeline.teams if team.name in shown]
    handles = [
        axes.barh(0, 0, color=team.colour, label=plain(team.name)) for team in teams[:MOST_TEAMS]
    ]
    if handles:
        axes.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=6, frameon=False
        )
