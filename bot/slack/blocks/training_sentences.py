"""The errors of templates, logs and processes in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words

_KNOWN_SHOWN = 12


def _invalid_template_name(error: errors.InvalidTemplateName, words: Words) -> Sentence:
    asked = words.foreign(error.name)
    return Sentence(
        f"“{asked}” cannot be the name of a template." if asked else "A template needs a name.",
        "Take letters, digits, dots and dashes, at most 40, such as yolo-release.",
    )


def _unknown_template(error: errors.UnknownTemplate, words: Words) -> Sentence:
    known = ", ".join(f"@{words.foreign(name)}" for name in error.known[:_KNOWN_SHOWN])
    save = words.literal("`/gpu template save yolo-release R12`")
    return Sentence(
        f"Your team has no template @{words.foreign(error.name)}.",
        f"It has {known}." if known else f"{save} keeps the training of a reservation as one.",
    )


def _template_taken(error: errors.TemplateTaken, words: Words) -> Sentence:
    return Sentence(
        f"@{words.foreign(error.name)} is a template of {words.person(error.by_slack_id, '')}"
        " already; it was left as it is.",
        "Take another name, or ask them or a lead of your team to replace it.",
    )


def _not_your_template(error: errors.NotYourTemplate, words: Words) -> Sentence:
    owner = words.person(error.by_slack_id, "")
    return Sentence(
        f"@{words.foreign(error.name)} was saved by {owner}; only they, a lead of your team or an"
        " admin may delete it.",
        f"Ask {owner}.",
    )


def _no_training(error: errors.NoTraining, words: Words) -> Sentence:
    if error.reservation_id is None:
        return Sentence(
            "You have booked no training yet.", f"{words.literal('`/gpu train`')} opens the form."
        )
    return Sentence(
        f"R{error.reservation_id} carries no training: its GPUs are used by hand.",
        f"{words.literal('`/gpu mine`')} shows which of yours do.",
    )


def _no_such_attempt(error: errors.NoSuchAttempt, words: Words) -> Sentence:
    had = f"{error.attempts} so far" if error.attempts else "none so far: it has not started"
    return Sentence(
        f"The training of R{error.reservation_id} has no attempt {error.number}; it has had {had}.",
        f"{words.literal(f'`/gpu logs R{error.reservation_id}`')} shows the newest.",
    )


def _unknown_run(error: errors.UnknownRun, _words: Words) -> Sentence:
    return Sentence(f"There is no run {error.run_id}.", "GET /api/v1/runs lists them.")


def _no_such_file(error: errors.NoSuchFile, words: Words) -> Sentence:
    known = ", ".join(words.foreign(name) for name in error.known[:_KNOWN_SHOWN])
    return Sentence(
        f"Run {error.run_id} keeps no file “{words.foreign(error.name)}”.",
        f"It keeps {known}." if known else "Files come when an attempt is over.",
    )


def _invalid_unix_user(error: errors.InvalidUnixUser, words: Words) -> Sentence:
    return Sentence(
        f"“{words.foreign(error.name)}” cannot be the Unix user of one person.",
        "Write the name that the hosts know them by, such as unix=bob; root is nobody's own.",
    )


def _unknown_process(error: errors.UnknownProcess, words: Words) -> Sentence:
    return Sentence(
        f"No process {error.process_id} was noticed.",
        f"{words.literal('`/gpu processes`')} lists those that are on GPUs now.",
    )


def _unknown_incident(error: errors.UnknownIncident, words: Words) -> Sentence:
    return Sentence(
        f"There is no incident {error.incident_id}.",
        f"{words.literal('`/gpu hosts`')} lists what is wrong now.",
    )


_SETTLED = {
    "gone": "It is no longer on any GPU.",
    "adopted": "It belongs to a booking by now.",
    "covered": "Its GPUs are booked by now so that it belongs there.",
}


def _process_settled(error: errors.ProcessSettled, words: Words) -> Sentence:
    return Sentence(
        _SETTLED.get(error.state, "It is settled already."),
        f"Nothing is left to do; {words.literal('`/gpu processes`')} lists what is open.",
    )


def _cannot_adopt(error: errors.CannotAdopt, words: Words) -> Sentence:
    holder = words.person(error.holder_slack_id, "")
    return Sentence(
        f"{words.foreign(error.gpu_name)} is booked by {holder} (R{error.reservation_id}) until"
        f" {words.instant(error.until)}, so the process cannot become yours there.",
        f"Stop it, or ask {holder} to hand R{error.reservation_id} over or to release it.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.InvalidTemplateName: _invalid_template_name,
    errors.UnknownTemplate: _unknown_template,
    errors.TemplateTaken: _template_taken,
    errors.NotYourTemplate: _not_your_template,
    errors.NoTraining: _no_training,
    errors.NoSuchAttempt: _no_such_attempt,
    errors.UnknownRun: _unknown_run,
    errors.NoSuchFile: _no_such_file,
    errors.InvalidUnixUser: _invalid_unix_user,
    errors.UnknownProcess: _unknown_process,
    errors.UnknownIncident: _unknown_incident,
    errors.ProcessSettled: _process_settled,
    errors.CannotAdopt: _cannot_adopt,
}
