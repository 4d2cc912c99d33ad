"""The words of a command: quoted texts stay whole, ranges such as ``20:00-08:00`` come apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.slack.times import split_ranges

WORD_CHARS = 60
"""As much of a word as an answer repeats."""

_QUOTES = '"\u201c\u201d\u201e'
_TOKEN = re.compile(
    rf"[{_QUOTES}](?P<quoted>(?:\\.|[^{_QUOTES}\\])*)(?:[{_QUOTES}]|\\?\Z)|(?P<word>\S+)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or a whole text in quotes without them."""

    text: str
    quoted: bool = False


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text in order; within quotes a backslash takes the next sign as is."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        if match["quoted"] is not None:
            tokens.append(Token(re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL), True))
        else:
            tokens += [Token(word) for word in split_ranges([match["word"]])]
    return tokens


def clip_word(text: str) -> str:
    """Return what somebody wrote, short enough to be repeated in an answer."""
    return text if len(text) <= WORD_CHARS else text[: WORD_CHARS - 1] + "…"
