"""Every anticipated error in words: what is wrong, with its numbers, and what to do next.

The same sentences are written twice: as plain text for the fields of a modal, where Slack formats
nothing, and as mrkdwn for messages, where each reader sees times in their own zone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bot.domain import errors
from bot.slack.blocks import (
    admin_sentences,
    changing_sentences,
    continuation_sentences,
    forecast_sentences,
    handover_sentences,
    outage_sentences,
    preemption_sentences,
    series_sentences,
    sign_in_sentences,
    training_sentences,
)
from bot.slack.blocks.rule_words import rule_words
from bot.slack.blocks.sentence_words import MrkdwnWords, PlainWords, Sentence, Words
from bot.slack.blocks.text import clip, count_text, duration_text, gpu_names_text, safe

__all__ = ["MrkdwnWords", "PlainWords", "has_own_words", "sentence"]

KNOWN_GPUS_SHOWN = 8
SHOWN_HOLDINGS = 5


def sentence(error: errors.BerthError, words: Words) -> Sentence:
    """Return the words for an error; the nearest ancestor's if it has none of its own."""
    for kind in type(error).__mro__:
        write = _WRITERS.get(kind)
        if write is not None:
            return write(error, words)
    return _try_again("That did not work.")


def has_own_words(kind: type[errors.BerthError]) -> bool:
    """Tell whether an error class has words of its own; a test walks all of them."""
    return kind in _WRITERS


def _unknown_command(error: errors.UnknownCommand, words: Words) -> Sentence:
    says = f"I do not know {words.literal(f'`/gpu {_typed(error.word, words)}`')}."
    if error.nearest:
        meant = words.literal(f"`/gpu {error.nearest}`")
        return Sentence(says, f"Did you mean {meant}? {_help(words)}")
    return Sentence(says, _help(words))


def _typed(text: str, words: Words) -> str:
    return words.foreign(text) or "…"


def _help(words: Words) -> str:
    return f"{words.literal('`/gpu help`')} lists all that I understand."


def _unreadable_time(error: errors.UnreadableTime, words: Words) -> Sentence:
    return Sentence(
        f"I cannot read “{_typed(error.text, words)}” as a time or a length.",
        f"Write a time such as {words.literal('`18:00`')} or {words.literal('`tomorrow 9am`')} and"
        f" a length such as {words.literal('`8h`')}; a note goes to the end or in quotes.",
    )


def _unreadable_request(error: errors.UnreadableRequest, words: Words) -> Sentence:
    wanted = error.wanted if isinstance(words, MrkdwnWords) else error.wanted.replace("`", "")
    if not error.text.strip():
        says = f"I need {wanted}."
    else:
        says = f"About “{_typed(error.text, words)}”: I need {wanted}."
    example = words.literal("`/gpu reserve 2 tomorrow 18:00 8h`")
    return Sentence(says, f"For example {example}.")


def _invalid_gpu_count(error: errors.InvalidGpuCount, words: Words) -> Sentence:
    if not error.available:
        return Sentence(
            "No GPU can be booked: no host has reported any yet.",
            f"Start an agent on a GPU host, then look at {words.literal('`/gpu status`')}.",
        )
    kind = f" of type {_typed(error.gpu_type, words)}" if error.gpu_type else ""
    return Sentence(
        f"{count_text(error.wanted, 'GPU')} cannot be booked: there are {error.available}{kind}.",
        f"Ask for 1 to {error.available}.",
    )


def _unknown_gpu(error: errors.UnknownGpu, words: Words) -> Sentence:
    shown = error.known[:KNOWN_GPUS_SHOWN]
    status = words.literal("`/gpu status`")
    several = bool(shown) and all(
        name.lower().split("@")[0] == error.name.lower() for name in error.known
    )
    says = (
        f"More than one host has a “{_typed(error.name, words)}”."
        if several
        else f"There is no GPU “{_typed(error.name, words)}”."
    )
    if not shown:
        return Sentence(says, f"{status} lists all of them.")
    more = f" and {len(error.known) - len(shown)} more" if len(error.known) > len(shown) else ""
    names = gpu_names_text(shown) if isinstance(words, MrkdwnWords) else ", ".join(shown)
    return Sentence(says, f"Choose from {names}{more}; {status} shows who holds them.")


def _past_start(error: errors.PastStart, words: Words) -> Sentence:
    return Sentence(
        f"{words.instant(error.start)} is over: it is {words.instant(error.now)}.",
        f"Choose a later start, or {words.literal('`now`')}.",
    )


def _too_short(error: errors.TooShort, words: Words) -> Sentence:
    slot = duration_text(error.slot)
    return Sentence(
        f"{duration_text(error.wanted)} is less than one slot of {slot}; trainings that short are"
        " for the queue, which runs them as soon as GPUs are idle.",
        f"Queue it with {words.literal('`/gpu queue 1 45m train`')}, or book one slot of {slot} and"
        " release it as soon as you are done.",
    )


def _too_long(error: errors.TooLong, _words: Words) -> Sentence:
    longest = duration_text(error.longest)
    return Sentence(
        f"{duration_text(error.wanted)} is too long: one reservation is at most {longest}.",
        f"Book up to {longest}, and the rest as a second reservation.",
    )


def _beyond_horizon(error: errors.BeyondHorizon, words: Words) -> Sentence:
    return Sentence(
        f"{words.instant(error.start)} is too far ahead.",
        f"The latest start that can be booked today is {words.instant(error.last_start)}.",
    )


def _faults(opening: str, next_step: str, error: Any, words: Words) -> Sentence:
    faults = "; ".join(
        f"{words.foreign(name)} {_fault(fault, words)}" for name, fault in error.problems.items()
    )
    return Sentence(clip(f"{opening}: {faults}.", 1500), next_step)


def _fault(fault: str, words: Words) -> str:
    return safe(fault, 200) if isinstance(words, MrkdwnWords) else clip(fault, 200)


def _unknown_reservation(error: errors.UnknownReservation, words: Words) -> Sentence:
    number = str(error.reservation_id)
    named = f"R{number}" if number.isdigit() else f"“{_typed(number, words)}”"
    return Sentence(
        f"There is no reservation {named}.", f"{words.literal('`/gpu mine`')} lists yours."
    )


def _unknown_host(error: errors.UnknownHost, words: Words) -> Sentence:
    status = words.literal("`/gpu status`")
    return Sentence(f"There is no host number {error.host_id}.", f"{status} lists all hosts.")


def _not_the_holder(error: errors.NotTheHolder, words: Words) -> Sentence:
    holder = words.person(error.holder_slack_id, "")
    return Sentence(
        f"R{error.reservation_id} belongs to {holder}; only they, a lead of their team or an admin"
        " may change it.",
        f"Ask {holder}.",
    )


def _window_taken(error: errors.WindowTaken, words: Words) -> Sentence:
    free = "none is" if not error.free_gpus else f"only {error.free_gpus} of them are"
    free = "only one is" if error.free_gpus == 1 else free
    if error.free_gpus >= error.wanted_gpus:
        free = "no single host has that many"  # for a training, which needs one host
    says = f"You asked for {count_text(error.wanted_gpus, 'GPU')}, but {free} free all that time."
    shown = [
        f"{words.person(held.holder_slack_id, held.holder_name)} holds "
        f"{count_text(held.gpu_count, 'GPU')} (R{held.reservation_id}) {words.window(held.window)}"
        for held in error.holdings[:SHOWN_HOLDINGS]
    ]
    more = len(error.holdings) - len(shown)
    if more > 0:
        shown.append(f"and {count_text(more, 'more reservation')}")
    if shown:
        says += f" {'; '.join(shown)}."
    if error.alternatives:
        return Sentence(says, "These windows do fit; one click books one:")
    status = words.literal("`/gpu status`")
    return Sentence(says, f"Nothing near fits: ask for fewer GPUs or another day; see {status}.")


def _no_single_host(error: errors.NoSingleHost, _words: Words) -> Sentence:
    if error.wanted_gpus <= error.largest_host_gpus:
        return Sentence(
            "A training needs its GPUs on one host, and you named GPUs of several.",
            "Name GPUs of one host, or only how many you need.",
        )
    return Sentence(
        f"A training needs its {count_text(error.wanted_gpus, 'GPU')} on one host, and the largest"
        f" host has {error.largest_host_gpus}.",
        f"Ask for at most {error.largest_host_gpus}, or book without a training.",
    )


_STATE_WORDS = {"ended": "is over", "cancelled": "was cancelled", "releasing": "is being released"}


def _reservation_over(error: errors.ReservationOver, words: Words) -> Sentence:
    state = _STATE_WORDS.get(error.state, "is over")
    return Sentence(
        f"R{error.reservation_id} {state} already; nothing was changed.",
        f"{words.literal('`/gpu mine`')} lists what you have now.",
    )


def _unknown_approval(error: errors.UnknownApproval, words: Words) -> Sentence:
    return Sentence(
        f"There is no request for approval number {words.foreign(str(error.approval_id))}.",
        f"{words.literal('`/gpu mine`')} lists your reservations.",
    )


def _may_not_approve(error: errors.MayNotApprove, words: Words) -> Sentence:
    team = words.foreign(error.team_name)
    says = f"R{error.reservation_id} is decided by a lead of {team} or an admin; you are neither."
    shown = error.approver_slack_ids[:SHOWN_HOLDINGS]
    if not shown:
        return Sentence(says, "Nobody has that role yet: tell whoever runs Berth.")
    return Sentence(says, f"Ask {' or '.join(words.person(one, '') for one in shown)}.")


def _over_quota(error: errors.OverQuota, words: Words) -> Sentence:
    team = words.foreign(error.team_name)
    broken = "; ".join(rule_words(rule, team, words.instant) for rule in error.rules)
    return Sentence(
        f"That is more than {team} may hold: {broken}.",
        "Ask for fewer GPUs or less time, give back what is not needed"
        f" ({words.literal('`/gpu share`')} tells what {team} has), or ask a lead or an admin to"
        " do it.",
    )


_DECIDED_WORDS = {
    "accepted": "has been accepted",
    "declined": "has been declined",
    "expired": "has expired: nobody answered in time",
    "withdrawn": "has been withdrawn",
}


def _offer_over(error: errors.OfferOver, words: Words) -> Sentence:
    state = _DECIDED_WORDS.get(error.state, "is over")
    return Sentence(
        f"This {words.foreign(error.offer)} {state} already; nothing was changed.",
        f"{words.literal('`/gpu mine`')} lists what you have now.",
    )


def _try_again(says: str) -> Sentence:
    return Sentence(says, "Nothing was changed. Please try again in a minute.")


def _fixed(says: str, next_step: str, _error: Any, _words: Words) -> Sentence:
    return Sentence(says, next_step)


def _again(says: str, _error: Any, _words: Words) -> Sentence:
    return _try_again(says)


_ADMIN = "Please tell whoever runs Berth."
_ASK_AGAIN = "Look at the message or the list again, and repeat what you wanted."

_WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.BerthError: partial(_again, "That did not work."),
    errors.InvalidRequest: partial(
        _fixed, "I do not understand that.", "/gpu help lists all that I understand."
    ),
    errors.UnknownCommand: _unknown_command,
    errors.UnreadableTime: _unreadable_time,
    errors.UnreadableRequest: _unreadable_request,
    errors.InvalidGpuCount: _invalid_gpu_count,
    errors.UnknownGpu: _unknown_gpu,
    errors.PastStart: _past_start,
    errors.TooShort: _too_short,
    errors.TooLong: _too_long,
    errors.BeyondHorizon: _beyond_horizon,
    errors.InvalidRunSpec: partial(
        _faults, "The training cannot start like that", "Correct that and ask again."
    ),
    errors.InvalidSetting: partial(_faults, "Berth is not set up right", _ADMIN),
    errors.NotFound: partial(_fixed, "That does not exist.", _ASK_AGAIN),
    errors.UnknownReservation: _unknown_reservation,
    errors.UnknownApproval: _unknown_approval,
    errors.UnknownHost: _unknown_host,
    errors.NotAllowed: partial(
        _fixed, "Your account may not do that.", "Ask a lead of your team or an admin."
    ),
    errors.NotTheHolder: _not_the_holder,
    errors.MayNotApprove: _may_not_approve,
    errors.TokenRefused: partial(
        _fixed,
        "The token is unknown, revoked or for something else.",
        "Ask an admin for another.",
    ),
    errors.Conflict: partial(_fixed, "Somebody was faster.", _ASK_AGAIN),
    errors.WindowTaken: _window_taken,
    errors.NoSingleHost: _no_single_host,
    errors.ReservationOver: _reservation_over,
    errors.OfferOver: _offer_over,
    errors.OverQuota: _over_quota,
    errors.IncompatibleAgent: partial(_fixed, "The agent of that host is too old.", _ADMIN),
    errors.StaleFence: partial(_fixed, "That attempt of the run is over.", _ASK_AGAIN),
    errors.Unavailable: partial(_again, "I cannot do that right now."),
    errors.ClaimOverlap: partial(_again, "Many people are booking at this moment."),
    errors.SchemaOutOfDate: partial(
        _fixed, "Berth is being updated and cannot book right now.", _ADMIN
    ),
    errors.ArtifactDamaged: partial(_again, "A file arrived damaged and is sent again."),
    **changing_sentences.WRITERS,
    **continuation_sentences.WRITERS,
    **forecast_sentences.WRITERS,
    **preemption_sentences.WRITERS,
    **handover_sentences.WRITERS,
    **admin_sentences.WRITERS,
    **outage_sentences.WRITERS,
    **series_sentences.WRITERS,
    **sign_in_sentences.WRITERS,
    **training_sentences.WRITERS,
}
