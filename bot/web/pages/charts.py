"""Small line charts as SVG: where the points stand; the template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

WIDTH, HEIGHT, MARGIN = 640, 180, 8
MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its points as SVG wants them, and its first and last value."""

    name: str
    points: str
    first: float
    last: float
    style: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the same epochs, each value between ``least`` and ``most``."""

    lines: tuple[Line, ...]
    least: float
    most: float
    width: int = WIDTH
    height: int = HEIGHT


def chart(series: Sequence[tuple[str, Sequence[float | None]]]) -> Chart | None:
    """Return a chart of named series, or None where there is nothing to draw.

    What is no number (a loss that has diverged) leaves a gap of no width; of long series some
    points are left out.
    """
    finite = [
        (name, [(place, value) for place, value in enumerate(values) if _is_number(value)])
        for name, values in series
    ]
    known = [(name, points) for name, points in finite if points]
    values = [value for _, points in known for _, value in points]
    if not values:
        return None
    least, most = min(values), max(values)
    longest = max(place for _, points in known for place, _ in points)
    lines = tuple(
        Line(
            name,
            " ".join(_place(point, longest, least, most) for point in _thinned(points)),
            points[0][1],
            points[-1][1],
            style,
        )
        for style, (name, points) in enumerate(known)
    )
    return Chart(lines, least, most)


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    step = math.ceil(len(points) / MOST_POINTS)
    return points if step <= 1 else [*points[:-1:step], points[-1]]


def _place(point: tuple[int, float], longest: int, least: float, most: float) -> str:
    across = point[0] / longest if longest else 0.5
    span = most - least
    up = (point[1] - least) / span if 0 < span < math.inf else 0.5
    x = MARGIN + across * (WIDTH - 2 * MARGIN)
    y = HEIGHT - MARGIN - up * (HEIGHT - 2 * MARGIN)
    return f"{x:.1f},{y:.1f}"
