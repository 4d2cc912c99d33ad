"""What people write after ``/gpu``: pure reading, no rule of booking.

A booking is read word by word, in any order: how many GPUs or which, when, how long or until
when, priority, ``preemptible`` or ``protected``, a model or ``name=value`` arguments of a
training.  Once time and length are known, the first word that is none of these begins the note;
a note in quotes may stand anywhere.  Nothing is guessed: what fits nowhere is an error that says
so.  See docs/commands.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.errors import (
    UnknownCommand,
    UnknownReservation,
    UnreadableRequest,
)
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.slack.doubts import Understood
from bot.slack.reading import GPU_START, NOTE_CHARS, Reading
from bot.slack.times import MomentReader
from bot.slack.tokens import WORD_CHARS, clip_word, tokens_of

SUB_COMMANDS: Mapping[str, str] = {
    "reserve": "reserve",
    "book": "reserve",
    "train": "train",
    "template": "template",
    "templates": "template",
    "logs": "logs",
    "log": "logs",
    "status": "status",
    "share": "share",
    "mine": "mine",
    "cancel": "cancel",
    "release": "cancel",
    "series": "series",
    "recurring": "series",
    "plan": "plan",
    "extend": "extend",
    "shorten": "shorten",
    "move": "move",
    "continue": "continue",
    "retry": "retry",
    "resume": "retry",
    "transfer": "transfer",
    "swap": "swap",
    "waitlist": "waitlist",
    "web": "web",
    "audit": "audit",
    "report": "report",
    "calendar": "calendar",
    "queue": "queue",
    "maintenance": "maintenance",
    "drain": "drain",
    "undrain": "undrain",
    "broken": "broken",
    "repaired": "repaired",
    "teams": "teams",
    "team": "team",
    "role": "role",
    "member": "member",
    "hosts": "hosts",
    "processes": "processes",
    "help": "help",
}
"""What can be said after ``/gpu``, and which sub-command it means."""

_RESERVATION = re.compile(r"[Rr#]?(\d{1,9})\Z")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def unescape(text: str) -> str:
    """Return a command's text as it was typed: Slack sends ``&``, ``<`` and ``>`` as entities."""
    for entity, char in _ENTITIES:
        text = text.replace(entity, char)
    return text


def parse_command(text: str) -> tuple[str, str]:
    """Return the sub-command that ``text`` names and what follows it; ``("", "")`` for nothing.

    Raises:
        UnknownCommand: there is no such sub-command; names the nearest one.
    """
    word, _, rest = text.strip().partition(" ")
    name = word.lower().strip("`/.,:")
    if not name:
        return "", ""
    if name in SUB_COMMANDS:
        return SUB_COMMANDS[name], rest.strip()
    if name[0].isdigit() or GPU_START.match(name):
        raise UnknownCommand(clip_word(word), "reserve")
    near = difflib.get_close_matches(name[:WORD_CHARS], list(SUB_COMMANDS), n=1, cutoff=0.55)
    raise UnknownCommand(clip_word(word), near[0] if near else None)


@dataclass(frozen=True, slots=True)
class CancelWish:
    """What ``/gpu cancel`` asks for; without a number, the list of what can be given back."""

    reservation_id: int | None
    reason: str


def parse_cancel(text: str) -> CancelWish:
    """Read ``R12 the reason``.

    Raises:
        UnknownReservation: the first word is no reservation number.
        UnreadableRequest: the reason is too long.
    """
    word, _, reason = text.strip().partition(" ")
    if not word:
        return CancelWish(None, "")
    match = _RESERVATION.match(word.rstrip(",.:"))
    if match is None:
        raise UnknownReservation(clip_word(word))
    reason = reason.strip()
    if len(reason) > NOTE_CHARS:
        raise UnreadableRequest(clip_word(reason), f"a reason of at most {NOTE_CHARS} characters")
    return CancelWish(int(match[1]), reason)


def parse_reserve(
    text: str,
    *,
    now: datetime,
    tz: ZoneInfo,
    run_defaults: TrainingSpec,
    gpu_models: Sequence[str] = (),
) -> ReserveRequest:
    """Read a booking in one line, in the words of the module.

    Args:
        text: what follows ``reserve``.
        now: the current instant.
        tz: the writer's own zone, in which times of day are meant.
        run_defaults: what a training gets where nothing is said.
        gpu_models: the models that can be booked, so that a word alone can name a kind of GPU.

    Raises:
        UnreadableTime: a word should be a time or a length and is neither.
        UnreadableRequest: something is missing, said twice, or fits nowhere.
        InvalidRunSpec: the training's arguments have faults.
    """
    reading = Reading(MomentReader(now, tz), tokens_of(text), tuple(gpu_models))
    return reading.request(text, run_defaults)


def read_reserve(
    text: str,
    *,
    now: datetime,
    tz: ZoneInfo,
    run_defaults: TrainingSpec,
    gpu_models: Sequence[str] = (),
) -> Understood:
    """Read a booking as `parse_reserve` does, and tell what of it may be meant otherwise.

    Raises:
        UnreadableTime, UnreadableRequest, InvalidRunSpec: see `parse_reserve`.
    """
    reading = Reading(MomentReader(now, tz), tokens_of(text), tuple(gpu_models))
    return reading.understood(reading.request(text, run_defaults))
