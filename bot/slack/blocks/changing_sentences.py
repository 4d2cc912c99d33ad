"""Why a reservation cannot be changed as asked, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words


def _end_not_later(error: errors.EndNotLater, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    return Sentence(
        f"{number} is booked until {words.instant(error.ends_at)}, and "
        f"{words.instant(error.wanted)} is not later.",
        f"{words.literal(f'`/gpu extend {number} 2h`')} adds two hours to it,"
        f" {words.literal(f'`/gpu shorten {number} 2h less`')} takes two away.",
    )


def _end_not_earlier(error: errors.EndNotEarlier, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    return Sentence(
        f"{number} ends {words.instant(error.ends_at)}, and {words.instant(error.wanted)} is not"
        " earlier.",
        f"{words.literal(f'`/gpu extend {number} 2h`')} lets it go on.",
    )


def _nothing_left(error: errors.NothingLeft, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    return Sentence(
        f"Nothing of {number} would be left with an end at {words.instant(error.wanted)}.",
        f"{words.literal(f'`/gpu release {number}`')} gives all of it back.",
    )


def _started(error: errors.ReservationStarted, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    return Sentence(
        f"{number} started {words.instant(error.starts_at)}, and what has started cannot be moved.",
        f"{words.literal(f'`/gpu shorten {number} until 18:00`')} ends it sooner,"
        f" {words.literal(f'`/gpu release {number}`')} ends it now; then book another time.",
    )


def _not_booked_yet(error: errors.NotBookedYet, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    waits = "is held for an offer" if error.state == "offered" else "waits for approval"
    return Sentence(
        f"{number} {waits}, and can be changed only once that is decided.",
        f"{words.literal(f'`/gpu cancel {number}`')} takes it back, so that you can ask anew.",
    )


def _maintenance_stays(error: errors.MaintenanceStays, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    return Sentence(
        f"{number} is maintenance, and others have made room for just the window that it has.",
        f"{words.literal(f'`/gpu cancel {number}`')} calls it off or ends it now, and"
        f" {words.literal('`/gpu maintenance host2 tomorrow 8:00 4h`')} plans it anew.",
    )


def _text_too_long(error: errors.TextTooLong, words: Words) -> Sentence:
    what = words.foreign(error.what.replace("_", " "))
    return Sentence(
        f"The {what} has {error.length_chars} characters, and {error.most_chars} are the most"
        " that I can keep.",
        "Nothing was changed. Please write it shorter.",
    )


def _host_does_not_answer(error: errors.HostDoesNotAnswer, words: Words) -> Sentence:
    return Sentence(
        f"The host of R{error.reservation_id}, {words.foreign(error.host_name)}, does not answer:"
        " its training cannot be told of an earlier end.",
        "Nothing was changed. Try again when the card says that the host is back.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.EndNotLater: _end_not_later,
    errors.EndNotEarlier: _end_not_earlier,
    errors.NothingLeft: _nothing_left,
    errors.ReservationStarted: _started,
    errors.NotBookedYet: _not_booked_yet,
    errors.MaintenanceStays: _maintenance_stays,
    errors.TextTooLong: _text_too_long,
    errors.HostDoesNotAnswer: _host_does_not_answer,
}
"""The words for each of these errors."""
