"""The errors of people, roles and teams in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words

KNOWN_SHOWN = 12

_WHO_MAY = {
    "book": "Viewers may look, but not book GPUs.",
    "teams": "Only admins may change teams.",
    "roles": "Only admins may change roles.",
    "members": "Only admins may move people between teams; leads may bring people into theirs.",
    "sync": "Only admins, and a team's own leads, may bring in its members.",
}


def _unknown_team(error: errors.UnknownTeam, words: Words) -> Sentence:
    says = f"There is no team “{words.foreign(error.name) or '…'}”."
    if not error.known:
        return Sentence(says, f"{words.literal('`/gpu team create`')} makes the first one.")
    shown = ", ".join(words.foreign(name) for name in error.known[:KNOWN_SHOWN])
    more = len(error.known) - KNOWN_SHOWN
    return Sentence(says, f"There are {shown}{f' and {more} more' if more > 0 else ''}.")


def _unknown_person(error: errors.UnknownPerson, words: Words) -> Sentence:
    return Sentence(
        f"I cannot tell who “{words.foreign(error.name) or '…'}” is.",
        f"Type {words.literal('`@`')} and choose the person from Slack's list.",
    )


def _not_permitted(error: errors.NotPermitted, words: Words) -> Sentence:
    who_may = _WHO_MAY.get(error.action, "That is not for everyone.")
    return Sentence(
        f"{who_may} You are a {words.foreign(error.role)}.",
        f"Ask an admin; {words.literal('`/gpu teams`')} names them.",
    )


def _team_exists(error: errors.TeamExists, words: Words) -> Sentence:
    name = words.foreign(error.name)
    return Sentence(
        f"There is a team “{name}” already.",
        f"{words.literal(f'`/gpu team set {name} …`')} changes it.",
    )


def _last_admin(_error: errors.LastAdmin, _words: Words) -> Sentence:
    return Sentence(
        "Berth would have no admin left.", "Make somebody else an admin first, then ask again."
    )


def _no_user_group(error: errors.NoUserGroup, words: Words) -> Sentence:
    name = words.foreign(error.name)
    return Sentence(
        f"The members of “{name}” do not come from a Slack user group.",
        f"{words.literal(f'`/gpu team set {name} group=@handle`')} names one.",
    )


def _unknown_gpu_type(error: errors.UnknownGpuType, words: Words) -> Sentence:
    says = f"There is no GPU of type “{words.foreign(error.name) or '…'}”."
    if not error.known:
        return Sentence(says, f"{words.literal('`/gpu status`')} shows all GPUs.")
    known = ", ".join(words.foreign(name) for name in error.known[:KNOWN_SHOWN])
    return Sentence(says, f"There are {known}; a part of the name will do.")


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.UnknownTeam: _unknown_team,
    errors.UnknownPerson: _unknown_person,
    errors.NotPermitted: _not_permitted,
    errors.TeamExists: _team_exists,
    errors.LastAdmin: _last_admin,
    errors.NoUserGroup: _no_user_group,
    errors.UnknownGpuType: _unknown_gpu_type,
}
"""The words of each of these errors, by its class."""
