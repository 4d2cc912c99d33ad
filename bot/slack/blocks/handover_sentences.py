"""The errors of transfers and swaps in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words


def _unknown_offer(error: errors.UnknownOffer, words: Words) -> Sentence:
    offer, number = words.foreign(error.offer), words.foreign(str(error.offer_id))
    return Sentence(
        f"There is no {offer} number {number}.",
        f"{words.literal('`/gpu mine`')} lists what you have now.",
    )


def _cannot_receive(error: errors.CannotReceive, words: Words) -> Sentence:
    who = words.person(error.person, "")
    if error.why == "viewer":
        return Sentence(
            f"{who} may look at Berth, but not hold GPUs.",
            "Choose somebody else, or ask an admin to make them a member.",
        )
    return Sentence(
        f"{who} cannot hold GPUs: I know no active account of a person there.",
        f"Type {words.literal('`@`')} and choose the person from Slack's list.",
    )


def _cannot_hand_over(error: errors.CannotHandOver, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    mine = f"{words.literal('`/gpu mine`')} lists yours."
    if error.why == "already_theirs":
        holder = words.person(error.holder_slack_id, "")
        return Sentence(f"{number} belongs to {holder} already.", f"Choose somebody else. {mine}")
    if error.why == "continues":
        return Sentence(
            f"{number} is where a training of another reservation goes on; both have one holder.",
            f"Transfer that one, and {number} goes with it. {mine}",
        )
    if error.why == "started":
        return Sentence(
            f"{number} has started, and only what lies ahead can be exchanged.",
            f"{words.literal(f'`/gpu transfer {number} @name`')} hands it over while it runs.",
        )
    if error.why == "maintenance":
        return Sentence(
            f"{number} keeps GPUs free for maintenance; it cannot be handed over.", mine
        )
    if error.why == "several_hosts":
        return Sentence(
            f"The training of {number} needs its GPUs on one host, and those that it would get are"
            " on several.",
            "Ask for another reservation, or swap without the training.",
        )
    return Sentence(
        f"{number} is not booked for good yet: somebody still has to approve or to take it.",
        f"Ask again when it is booked. {mine}",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.UnknownOffer: _unknown_offer,
    errors.CannotReceive: _cannot_receive,
    errors.CannotHandOver: _cannot_hand_over,
}
"""The words of each of these errors, by its class."""
