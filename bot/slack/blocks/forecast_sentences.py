"""The errors about late runs in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words
from bot.slack.blocks.text import count_text


def _no_run_to_fit(error: errors.NoRunToFit, words: Words) -> Sentence:
    return Sentence(
        f"Nothing trains on R{error.reservation_id} now, so there is nothing to end early.",
        f"{words.literal('`/gpu mine`')} lists what you have now.",
    )


def _cannot_give_minutes(error: errors.CannotGiveMinutes, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    extend = words.literal(f"`/gpu extend {number} 2h`")
    if error.why == "started":
        return Sentence(
            f"The next reservation after {number} has begun: its time cannot be given any more.",
            "Let the training stop at a checkpoint and continue in the next free window.",
        )
    if error.why == "changed":
        return Sentence(
            "One of the two reservations has another window than when this was asked.",
            f"If the minutes are still needed, ask again from the card of {number}.",
        )
    if error.why == "too_much":
        most = count_text(error.most, "minute")
        return Sentence(
            f"At most {most} of somebody else's reservation can be asked for.",
            "Let the training stop at a checkpoint and continue in the next free window.",
        )
    if error.why == "nothing_left":
        return Sentence(
            f"Too little of the reservation after {number} would be left.",
            "Ask for fewer minutes, or continue in the next free window.",
        )
    return Sentence(
        f"Nobody can be asked: the GPUs of {number} are free after its end, you hold them yourself,"
        " or several people hold them.",
        f"Try {extend}; the answer says who holds them and what fits instead.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.NoRunToFit: _no_run_to_fit,
    errors.CannotGiveMinutes: _cannot_give_minutes,
}
"""The words of each of these errors, by its class."""
