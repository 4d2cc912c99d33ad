"""The errors of taking hosts and GPUs out of service in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words

_KNOWN_SHOWN = 8


def _unknown_host_name(error: errors.UnknownHostName, words: Words) -> Sentence:
    known = ", ".join(words.foreign(name) for name in error.known[:_KNOWN_SHOWN])
    return Sentence(
        f"There is no host “{words.foreign(error.name)}”.",
        f"I know {known}." if known else "No host has reported yet.",
    )


def _admins_only(error: errors.AdminsOnly, words: Words) -> Sentence:
    return Sentence(
        f"Only an admin of Berth may {words.foreign(error.what)}; nothing was changed.",
        "Ask an admin of your workspace.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.UnknownHostName: _unknown_host_name,
    errors.AdminsOnly: _admins_only,
}
