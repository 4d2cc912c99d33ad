"""The errors about taking GPUs back in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words
from bot.slack.blocks.text import count_text


def _unknown(error: errors.UnknownPreemption, words: Words) -> Sentence:
    return Sentence(
        f"There is no preemption {error.preemption_id}.",
        f"{words.literal('`/gpu mine`')} lists what you have now.",
    )


def _may_not(error: errors.MayNotPreempt, words: Words) -> Sentence:
    allowed = " and ".join(each.upper() for each in error.allowed) or "no priority"
    return Sentence(
        f"Only {allowed} may take GPUs back from others, not {error.priority.upper()}.",
        f"Try {words.literal('`/gpu plan p0 4 now 4h`')}, or book a window that is free.",
    )


def _own(error: errors.OwnPreemption, _words: Words) -> Sentence:
    return Sentence(
        f"You asked for R{error.reservation_id} yourself: somebody else decides whether GPUs are"
        " taken from others for it.",
        "Ask another lead or an admin.",
    )


def _nobody(error: errors.NobodyToPreempt, words: Words) -> Sentence:
    gpus = count_text(error.wanted_gpus, "GPU")
    return Sentence(
        f"{gpus} cannot be taken back: what is held then is not of a lower priority than"
        f" {error.priority.upper()}, not preemptible, in its first {error.protected_minutes}"
        " minutes, or could not be booked again.",
        f"Ask for fewer GPUs or another time; {words.literal('`/gpu status`')} shows who has what.",
    )


def _needs_plan(error: errors.NeedsItsPlan, _words: Words) -> Sentence:
    return Sentence(
        f"R{error.reservation_id} takes GPUs from others, so it is approved with its plan in view.",
        "Use the button Approve this plan in the message that shows it.",
    )


def _over(_error: errors.PreemptionOver, words: Words) -> Sentence:
    return Sentence(
        "This is settled: nothing is taken back there any more, or it has been.",
        f"{words.literal('`/gpu mine`')} shows how it stands now.",
    )


def _epoch(error: errors.EpochDoesNotFit, _words: Words) -> Sentence:
    return Sentence(
        f"The epoch of R{error.reservation_id} will not be done before its GPUs are taken back.",
        "Nothing is lost: it saves a checkpoint in time. Save and yield now is quicker.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.UnknownPreemption: _unknown,
    errors.MayNotPreempt: _may_not,
    errors.OwnPreemption: _own,
    errors.NobodyToPreempt: _nobody,
    errors.NeedsItsPlan: _needs_plan,
    errors.PreemptionOver: _over,
    errors.EpochDoesNotFit: _epoch,
}
"""The words of each of these errors, by its class."""
