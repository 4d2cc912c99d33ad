"""The errors of signing in to the pages in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.slack.blocks.sentence_words import Sentence, Words

_WHY = {
    "declined": "Slack says that you did not want to sign in.",
    "stale": "That way of signing in was begun too long ago, or in another browser.",
    "not_proven": "What Slack answered does not prove who you are.",
    "other_workspace": "You are signed in to another workspace than the one of this Berth.",
}


def _link_over(_error: errors.LinkOver, words: Words) -> Sentence:
    return Sentence(
        "This link has been used, or is older than its few minutes.",
        f"Say {words.literal('`/gpu web`')} in Slack for a new one.",
    )


def _sign_in_refused(error: errors.SignInRefused, words: Words) -> Sentence:
    web = words.literal("`/gpu web`")
    return Sentence(
        _WHY.get(error.why, "Signing in did not work."),
        f"Sign in again, or say {web} in Slack for a link.",
    )


def _not_from_our_pages(_error: errors.NotFromOurPages, _words: Words) -> Sentence:
    return Sentence(
        "That did not come from a page of Berth in which you are signed in; nothing was changed.",
        "Load the page again, and repeat what you wanted.",
    )


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.LinkOver: _link_over,
    errors.SignInRefused: _sign_in_refused,
    errors.NotFromOurPages: _not_from_our_pages,
}
