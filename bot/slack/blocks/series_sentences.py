"""Why a series cannot be booked or changed, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.domain.recurrence import Missed
from bot.slack.blocks.sentence_words import Sentence, Words
from bot.slack.blocks.text import count_text

MOST_MISSED = 6
MOST_HOLDERS = 3
CANCELLED = "cancelled"
_WHY = {
    CANCELLED: "cancelled",
    "window_taken": "the GPUs are taken",
    "over_quota": "over the quota of the team",
    "unknown_gpu": "a GPU of these names is gone",
    "invalid_gpu_count": "there are not so many GPUs any more",
    "not_allowed": "the holder may not book any more",
}


def missed_words(missed: Missed, words: Words) -> str:
    """Return one occurrence that has no reservation: when, and who is in the way."""
    shown = missed.holdings[:MOST_HOLDERS]
    held = [
        f"{words.person(one.holder_slack_id, one.holder_name)} has "
        f"{count_text(one.gpu_count, 'GPU')} (R{one.reservation_id})"
        for one in shown
    ]
    if len(missed.holdings) > len(shown):
        held.append(f"{len(missed.holdings) - len(shown)} more")
    why = _WHY.get(missed.code, "it could not be booked")
    return f"{words.window(missed.window)}: {', '.join(held) or why}"


def _no_occurrence_fits(error: errors.NoOccurrenceFits, words: Words) -> Sentence:
    shown = [missed_words(one, words) for one in error.missed[:MOST_MISSED]]
    if len(error.missed) > len(shown):
        shown.append(f"and {len(error.missed) - len(shown)} more")
    count = count_text(len(error.missed), "time")
    return Sentence(
        f"None of the {count} up to the horizon can be booked: {'; '.join(shown)}.",
        "Ask for another time of day or fewer GPUs; nothing was booked.",
    )


def _no_occurrence_ahead(error: errors.NoOccurrenceAhead, words: Words) -> Sentence:
    horizon = words.instant(error.last_start)
    if error.next_start is None:
        return Sentence(
            "There is no such day any more: the series would be over before it begins.",
            "Choose a later end.",
        )
    return Sentence(
        f"Its first time is {words.instant(error.next_start)}, and the latest start that can be"
        f" booked today is {horizon}.",
        "Book the series when that comes nearer.",
    )


def _unknown_series(error: errors.UnknownSeries, words: Words) -> Sentence:
    number = str(error.series_id)
    named = f"S{number}" if number.isdigit() else f"“{words.foreign(number)}”"
    return Sentence(
        f"There is no series {named}.", f"{words.literal('`/gpu series`')} lists yours."
    )


def _not_the_series_holder(error: errors.NotTheSeriesHolder, words: Words) -> Sentence:
    holder = words.person(error.holder_slack_id, "")
    return Sentence(
        f"S{error.series_id} belongs to {holder}; only they, a lead of their team or an admin may"
        " change it.",
        f"Ask {holder}.",
    )


def _series_over(error: errors.SeriesOver, words: Words) -> Sentence:
    return Sentence(
        f"S{error.series_id} is over already; nothing was changed.",
        f"{words.literal('`/gpu series`')} lists what goes on.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.NoOccurrenceFits: _no_occurrence_fits,
    errors.NoOccurrenceAhead: _no_occurrence_ahead,
    errors.UnknownSeries: _unknown_series,
    errors.NotTheSeriesHolder: _not_the_series_holder,
    errors.SeriesOver: _series_over,
}
"""The words for each of these errors."""
