"""What people write after ``/gpu transfer`` and ``/gpu swap``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.domain.errors import UnreadableRequest
from bot.slack.grammar import parse_cancel
from bot.slack.mentions import Mentioned, leading_person, without_markup

REASON_CHARS = 300
_TO = re.compile(r"to\s+", re.IGNORECASE)
_WITH = re.compile(r"(?:with|for|and|against|<->|-)\s+", re.IGNORECASE)
_PAIR = "two reservations, yours first, such as `R12 with R15`"


@dataclass(frozen=True, slots=True)
class TransferWish:
    """Which reservation goes to whom, and why; what is None was not said."""

    reservation_id: int | None
    to: Mentioned | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapWish:
    """Which reservation of one's own for which of somebody else's, and why."""

    mine: int
    theirs: int
    reason: str = ""


def parse_transfer(text: str) -> TransferWish:
    """Read ``R12 @bob the reason``.

    Raises:
        UnknownReservation: the first word is no reservation number.
        UnreadableRequest: what follows is no person, or the reason is too long.
    """
    number, rest = _number(text)
    rest = _TO.sub("", rest, count=1) if _TO.match(rest) else rest
    if number is None or not rest:
        return TransferWish(number)
    to, reason = leading_person(rest)
    return TransferWish(number, to, _reason(reason))


def parse_swap(text: str) -> SwapWish:
    """Read ``R12 with R15 the reason``.

    Raises:
        UnknownReservation: a word that should be a reservation number is none.
        UnreadableRequest: a number is missing, or the reason is too long.
    """
    mine, rest = _number(text)
    rest = _WITH.sub("", rest, count=1) if _WITH.match(rest) else rest
    theirs, reason = _number(rest)
    if mine is None or theirs is None:
        raise UnreadableRequest("", _PAIR)
    return SwapWish(mine, theirs, _reason(reason))


def _number(text: str) -> tuple[int | None, str]:
    word, _, rest = text.strip().partition(" ")
    return parse_cancel(word).reservation_id, rest.strip()


def _reason(text: str) -> str:
    reason = without_markup(text).strip().strip('"\u201c\u201d').strip()
    if len(reason) > REASON_CHARS:
        raise UnreadableRequest("", f"a reason of at most {REASON_CHARS} characters")
    return reason
