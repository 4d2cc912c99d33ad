"""How a reservation says that it is one of a series."""

from __future__ import annotations

from bot.domain.views import ReservationView
from bot.slack.blocks.text import safe


def series_mark(view: ReservationView) -> str:
    """Return " · every weekday 20:00 (S3)", or nothing for a reservation of its own."""
    if view.series_id is None:
        return ""
    return f" · :repeat: {safe(view.series_words, 100)} (S{view.series_id})"
