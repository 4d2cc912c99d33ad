"""What people write after ``/gpu audit``: pure reading."""

from __future__ import annotations

import json
import re
from datetime import datetime, tzinfo

from bot.domain.audit_views import AuditFilter
from bot.domain.errors import UnreadableRequest
from bot.slack.past_times import read_past
from bot.slack.tokens import clip_word

_RESERVATION = re.compile(r"[Rr#](\d{1,9})[,.:]?\Z")
_PERSON = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^<>]*)?>\Z")
_NAME = re.compile(r"@([^\s@<>]{1,80})\Z")
_ACTION = re.compile(r"[a-z][a-z_]{1,30}(?:\.[a-z_]{0,40})?\Z")
_WANTED = "`R12`, `@bob`, `since monday`, or what was done, such as `reservation.cancelled`"
VALUE_CHARS = 2000


def parse_audit(text: str, now: datetime, zone: tzinfo) -> AuditFilter:
    """Read ``R12 @bob since monday reservation.cancelled``, any part of which may be missing.

    Raises:
        UnreadableRequest: a word is none of these, or something is said twice.
    """
    words = text.split()
    who, action, number, since = "", "", None, None
    while words:
        word = words.pop(0)
        if (match := _RESERVATION.match(word)) and number is None:
            number = int(match[1])
        elif (match := _PERSON.match(word) or _NAME.match(word)) and not who:
            who = match[1]
        elif word.lower() == "since" and since is None:
            since, took = read_past(words, now, zone)
            del words[:took]
        elif _ACTION.match(word.lower()) and not action:
            action = word.lower()
        else:
            raise UnreadableRequest(clip_word(word), _WANTED)
    kind = "" if number is None else "reservation"
    return AuditFilter(who, kind, number, action, since)


def to_value(wanted: AuditFilter, cursor: int) -> str:
    """Return what the button of the next page carries."""
    since = None if wanted.since is None else wanted.since.isoformat()
    return json.dumps(
        {
            "v": 1,
            "w": wanted.who,
            "r": wanted.subject_id,
            "a": wanted.action,
            "s": since,
            "c": cursor,
        },
        separators=(",", ":"),
    )


def from_value(value: str) -> tuple[AuditFilter, int] | None:
    """Return what a button carries; None for one of another release."""
    try:
        read = json.loads(value)
        if read["v"] != 1:
            return None
        number = None if read["r"] is None else int(read["r"])
        since = None if read["s"] is None else datetime.fromisoformat(str(read["s"]))
        kind = "" if number is None else "reservation"
        wanted = AuditFilter(str(read["w"]), kind, number, str(read["a"]), since)
        return wanted, int(read["c"])
    except (ValueError, KeyError, TypeError):
        return None
