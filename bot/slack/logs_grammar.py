"""What people write after ``/gpu logs``: pure reading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.domain.errors import UnreadableRequest
from bot.domain.run_logs import LINES_SHOWN, MOST_LINES
from bot.slack.tokens import clip_word

_RESERVATION = re.compile(r"[Rr#](\d{1,9})[,.:]?\Z")
_ATTEMPT = re.compile(r"(?:attempt|try)[=#]?(\d{1,4})?\Z", re.IGNORECASE)
_WANTED = f"`/gpu logs R12`, `R12 attempt 2` or a number of lines from 1 to {MOST_LINES}"


@dataclass(frozen=True, slots=True)
class LogsWish:
    """Whose log, of which attempt, and how many lines; None is the newest."""

    reservation_id: int | None = None
    attempt: int | None = None
    lines: int = LINES_SHOWN


def parse_logs(text: str) -> LogsWish:
    """Read ``R12 attempt 2 40``, any part of which may be missing.

    Raises:
        UnreadableRequest: a word is none of these.
    """
    reservation_id = attempt = lines = None
    words = text.split()
    while words:
        word = words.pop(0)
        if (match := _RESERVATION.match(word)) and reservation_id is None:
            reservation_id = int(match[1])
        elif (match := _ATTEMPT.match(word)) and attempt is None:
            number = match[1] or (words.pop(0) if words else "")
            if not number.isdecimal():
                raise UnreadableRequest(clip_word(f"{word} {number}"), _WANTED)
            attempt = int(number)
        elif word.isdecimal() and lines is None and 1 <= int(word) <= MOST_LINES:
            lines = int(word)
        else:
            raise UnreadableRequest(clip_word(word), _WANTED)
    return LogsWish(reservation_id, attempt, LINES_SHOWN if lines is None else lines)
