"""What people write after ``/gpu train`` and ``/gpu template``: the run's words and the booking's.

The words of the run may stand anywhere: a model, a data set, ``name=value`` arguments, and
``@yolo-release`` for a template of the team.  They are taken out first, so that all their faults
are named at once, whatever else is wrong.  What is left is read as a booking
(`bot.slack.grammar`); ``on`` before GPUs may be said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.domain.errors import InvalidRunSpec, UnknownReservation, UnreadableRequest, UnreadableTime
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import (
    MODEL_NAME,
    RELATIVE_PATH,
    TrainingSpec,
    check_training_spec,
)
from bot.domain.templates import TemplateView, template_name
from bot.slack.command_text import format_reserve_command
from bot.slack.doubts import Understood
from bot.slack.gpu_type_words import read_count_and_type, read_type
from bot.slack.reading import GPU_START, Reading
from bot.slack.times import MomentReader, read_clock
from bot.slack.tokens import Token, clip_word, tokens_of

_ARGUMENT = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,40})=(\S*)\Z")
_LOOKS_LIKE_YOLO = re.compile(r"yolov?\d", re.IGNORECASE)
_COUNT = re.compile(r"x?\d{1,4}x?(?:gpus?|cards?)?,?\Z", re.IGNORECASE)
_MONTH = re.compile(r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_HALF_OF_DAY = frozenset({"am", "pm", "o'clock"})
_ON = frozenset({"on", "with", "using"})
_RESERVATION = re.compile(r"[Rr#]?(\d{1,9})[,.:]?\Z")
_AGAIN = frozenset({"again", "last", "same"})


@dataclass(frozen=True, slots=True)
class TrainWords:
    """A line taken apart: the template's name, the run's words, and what is left for the booking.

    ``faults`` are by the argument that they are about.
    """

    template: str | None
    run_fields: dict[str, str]
    booking: tuple[Token, ...]
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainDraft:
    """What a line says that leaves its start or its length open; the form asks for the rest."""

    spec: TrainingSpec
    gpu_count: int
    gpu_type: str | None
    start: datetime | None
    starts_now: bool
    length: timedelta | None
    priority: Priority | None
    note: str


@dataclass(frozen=True, slots=True)
class SameWish:
    """The training of an earlier reservation again; None: the last that the writer booked."""

    reservation_id: int | None


def parse_same(text: str) -> SameWish | None:
    """Read ``again``, ``same as last time`` or ``again R12``; None where it is another line.

    Raises:
        UnknownReservation: what follows is no reservation number.
    """
    words = text.split()
    if not words or words[0].lower() not in _AGAIN:
        return None
    rest = [word for word in words[1:] if word.lower() not in ("as", "last", "time", "again")]
    return SameWish(_reservation(rest[0]) if rest else None)


def _reservation(word: str) -> int:
    match = _RESERVATION.match(word)
    if match is None:
        raise UnknownReservation(clip_word(word))
    return int(match[1])


def split_words(text: str) -> TrainWords:
    """Take the run's words out of a line."""
    template: str | None = None
    fields: dict[str, str] = {}
    faults: dict[str, str] = {}
    booking: list[Token] = []
    for token in tokens_of(text):
        name = None if token.quoted else _template_word(token.text)
        pair = None if token.quoted else _run_word(token.text)
        if name is not None and template in (None, name):
            template = name
        elif name is not None:
            faults["template"] = f"must be one, not both @{template} and @{clip_word(name)}"
        elif pair is None and not token.quoted and _LOOKS_LIKE_YOLO.match(token.text):
            faults["model"] = f"“{clip_word(token.text)}” is no YOLO model that I know"
        elif pair is None:
            booking.append(token)
        elif pair[0] in fields and fields[pair[0]] != pair[1]:
            faults[pair[0]] = f"is said twice: “{fields[pair[0]]}” and “{clip_word(pair[1])}”"
        else:
            fields[pair[0]] = pair[1]
    return TrainWords(template, fields, tuple(_without_on(booking)), faults)


def _template_word(word: str) -> str | None:
    name = template_name(word) if word.startswith("@") else None
    return None if name is None or read_clock([name]) is not None else name


def _run_word(word: str) -> tuple[str, str] | None:
    argument = _ARGUMENT.match(word)
    if argument is not None:
        return argument[1].lower(), argument[2]
    lower = word.lower()
    if MODEL_NAME.match(lower):
        return "model", lower
    if lower.endswith(".pt") and RELATIVE_PATH.match(word):
        return "model", word
    if lower.endswith((".yaml", ".yml")) and RELATIVE_PATH.match(word):
        return "data", word
    return None


def _without_on(tokens: Sequence[Token]) -> list[Token]:
    """Leave out ``on`` where GPUs follow; before a day it belongs to the day."""
    kept: list[Token] = []
    for at, token in enumerate(tokens):
        following = [one.text for one in tokens[at + 1 : at + 4] if not one.quoted]
        is_on = not token.quoted and token.text.lower() in _ON
        if not (is_on and following and _are_gpus(following)):
            kept.append(token)
    return kept


def _are_gpus(words: Sequence[str]) -> bool:
    if read_count_and_type(words) is not None or GPU_START.match(words[0]):
        return True
    if read_type(words[0], ()) is not None:
        return True
    second = words[1].lower() if len(words) > 1 else ""
    is_count = _COUNT.match(words[0]) is not None
    return is_count and not _MONTH.match(second) and second not in _HALF_OF_DAY


def recurs(words: TrainWords) -> bool:
    """Tell whether the booking is to repeat."""
    return any(not token.quoted and token.text.lower() == "every" for token in words.booking)


def series_line(
    words: TrainWords, *, template: TemplateView | None, run_defaults: TrainingSpec
) -> tuple[str, TrainingSpec]:
    """Return a line for `bot.slack.recurrence_grammar`, and the training that it is about.

    Raises:
        InvalidRunSpec: faults of the training, all at once.
    """
    defaults = run_defaults if template is None else template.spec
    faults = dict(words.faults)
    try:
        spec = check_training_spec(words.run_fields, defaults)
    except InvalidRunSpec as error:
        raise InvalidRunSpec({**error.problems, **faults}) from error
    if faults:
        raise InvalidRunSpec(faults)
    said = [_as_written(token) for token in words.booking]
    return " ".join([*said, "train"]), spec


def _as_written(token: Token) -> str:
    if not token.quoted:
        return token.text
    escaped = token.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_train(
    words: TrainWords,
    *,
    template: TemplateView | None,
    now: datetime,
    tz: ZoneInfo,
    run_defaults: TrainingSpec,
    gpu_models: Sequence[str] = (),
) -> Understood | TrainDraft:
    """Read a training with its booking; without a start or a length it is a draft for the form.

    Args:
        words: from `split_words`.
        template: the one that the words name.
        now: the current instant.
        tz: the writer's own zone, in which times of day are meant.
        run_defaults: what a training gets where neither words nor template say anything.
        gpu_models: the models that can be booked, so that a word alone can name a kind of GPU.

    Raises:
        InvalidRunSpec: faults of the training, all at once; ``booking`` is one of them where that
            cannot be read either.
        UnreadableTime, UnreadableRequest: only the booking cannot be read.
    """
    defaults = run_defaults if template is None else template.spec
    faults = dict(words.faults)
    spec = defaults
    try:
        spec = check_training_spec(words.run_fields, defaults)
    except InvalidRunSpec as error:
        faults = {**error.problems, **faults}
    reading = Reading(MomentReader(now, tz), words.booking, tuple(gpu_models))
    try:
        reading.read_all()
        result = _result(reading, spec, template)
    except (UnreadableTime, UnreadableRequest) as error:
        if not faults:
            raise
        wanted = f": I need {error.wanted}" if isinstance(error, UnreadableRequest) else ""
        faults["booking"] = f"cannot be read at “{clip_word(error.text)}”{wanted}"
        raise InvalidRunSpec(faults) from error
    if faults:
        raise InvalidRunSpec(faults)
    return result


def _result(
    reading: Reading, spec: TrainingSpec, template: TemplateView | None
) -> Understood | TrainDraft:
    counted = reading.count is not None or bool(reading.gpu_names)
    usual = 1 if template is None else template.gpu_count
    if not reading.has_time and not reading.gpu_names:
        return TrainDraft(
            spec=spec,
            gpu_count=reading.count if reading.count is not None else usual,
            gpu_type=reading.gpu_type,
            start=reading.start,
            starts_now=reading.starts_now,
            length=reading.length,
            priority=reading.priority,
            note=" ".join(reading.note),
        )
    rest = Reading(reading.moments, reading.tokens, reading.gpu_models)
    request = rest.request(" ".join(token.text for token in reading.tokens), spec)
    understood = rest.understood(request)

    def whole(one: ReserveRequest) -> ReserveRequest:
        return replace(one, run=spec, gpu_count=one.gpu_count if counted else usual)

    return replace(
        understood,
        request=whole(understood.request),
        others=tuple(whole(one) for one in understood.others),
    )


def format_train_command(request: ReserveRequest, tz: tzinfo) -> str:
    """Return ``/gpu train …`` that asks for exactly this training and booking, in ``tz``."""
    return "/gpu train " + format_reserve_command(request, tz).removeprefix("/gpu reserve ")


class TemplateVerb(StrEnum):
    """What can be done with templates."""

    LIST = "list"
    SAVE = "save"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class TemplateWish:
    """What ``/gpu template`` asks for."""

    verb: TemplateVerb
    name: str = ""
    reservation_id: int | None = None


_VERBS = {
    "": TemplateVerb.LIST,
    "list": TemplateVerb.LIST,
    "save": TemplateVerb.SAVE,
    "keep": TemplateVerb.SAVE,
    "delete": TemplateVerb.DELETE,
    "remove": TemplateVerb.DELETE,
}


def parse_template(text: str) -> TemplateWish:
    """Read ``save yolo-release R12``, ``delete yolo-release`` or ``list``.

    Raises:
        UnreadableRequest: it is none of these, or something is missing.
        UnknownReservation: what should be a reservation number is none.
    """
    words = text.split()
    verb = _VERBS.get(words[0].lower() if words else "")
    if verb is None:
        raise UnreadableRequest(clip_word(words[0]), "`save`, `list` or `delete`")
    if verb is TemplateVerb.LIST:
        return TemplateWish(verb)
    wanted = 3 if verb is TemplateVerb.SAVE else 2
    if len(words) != wanted:
        example = "save yolo-release R12" if verb is TemplateVerb.SAVE else "delete yolo-release"
        raise UnreadableRequest(clip_word(text), f"`/gpu template {example}`")
    number = _reservation(words[2]) if verb is TemplateVerb.SAVE else None
    return TemplateWish(verb, words[1], number)
