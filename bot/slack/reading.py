"""Goes through the words of a booking, one after another, and keeps what is understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.errors import InvalidRunSpec, UnreadableRequest, UnreadableTime
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import MODEL_NAME, RELATIVE_PATH, TrainingSpec, check_training_spec
from bot.slack.doubts import Doubt, Understood, doubt_about
from bot.slack.gpu_type_words import read_count_and_type, read_type
from bot.slack.times import (
    LEADS,
    NOW_WORDS,
    MomentReader,
    read_clock,
    read_length,
)
from bot.slack.tokens import Token, clip_word

NOTE_CHARS = 300
"""The longest note: it is one line of a card."""

EXAMPLE = "`/gpu reserve 2 tomorrow 18:00 8h`"

GPU_START = re.compile(r"gpu\d", re.IGNORECASE)
_COUNT = re.compile(r"x?(-?\d{1,6})x?(?:gpus?|cards?)?\Z", re.IGNORECASE)
_COUNT_NOUN = re.compile(r"(?:gpus?|cards?),?\Z", re.IGNORECASE)
_GPU_NAME = re.compile(r"gpu\d{1,4}(?:@[a-z0-9][a-z0-9._-]{0,99})?\Z", re.IGNORECASE)
_ARGUMENT = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,40})=(\S*)\Z")
_LOOKS_LIKE_YOLO = re.compile(r"yolov?\d", re.IGNORECASE)
_DAY_AFTER_TOMORROW = ["day", "after", "tomorrow"]
_QUOTE_NOTES = "put a note in quotes"
_UNTIL = frozenset({"until", "till", "to", "-", "\u2013", "\u2014"})
_PREEMPTION = {"preemptible": True, "protected": False}


def _readable(moments: MomentReader, words: Sequence[str]) -> tuple[datetime, int] | None:
    """Read a moment where it would be one too many: what is no time at all may be a note."""
    try:
        return moments.read(words)
    except (UnreadableTime, UnreadableRequest):
        return None


@dataclass(slots=True)
class Reading:
    """What has been understood so far, while the words are gone through."""

    moments: MomentReader
    tokens: Sequence[Token]
    gpu_models: tuple[str, ...] = ()
    count: int | None = None
    gpu_type: str | None = None
    gpu_names: tuple[str, ...] = ()
    start: datetime | None = None
    starts_now: bool = False
    start_words: tuple[str, ...] = ()
    length: timedelta | None = None
    end_words: tuple[str, ...] | None = None
    priority: Priority | None = None
    preemptible: bool | None = None
    wants_run: bool = False
    run_fields: dict[str, str] = field(default_factory=dict)
    note: list[str] = field(default_factory=list)
    note_begun: bool = False

    def request(self, text: str, run_defaults: TrainingSpec) -> ReserveRequest:
        """Return what all the words ask for; ``text`` is what they came from.

        Raises:
            UnreadableTime, UnreadableRequest, InvalidRunSpec: see `bot.slack.grammar`.
        """
        self.read_all()
        self._require_time(text)
        return ReserveRequest(
            length=self._whole_length(),
            gpu_count=len(self.gpu_names) or (1 if self.count is None else self.count),
            gpu_names=self.gpu_names,
            gpu_type=self.gpu_type,
            start=self.start,
            priority=self.priority,
            preemptible=self.preemptible,
            run=check_training_spec(self.run_fields, run_defaults) if self.wants_run else None,
            note=self._note(),
        )

    def read_all(self) -> None:
        """Go through all words; what is missing is not asked for.

        Raises:
            UnreadableTime, UnreadableRequest: see `bot.slack.grammar`.
        """
        position = 0
        while position < len(self.tokens):
            position += self._step(position)

    @property
    def has_time(self) -> bool:
        """Tell whether start and length are known by now."""
        return self._complete

    def understood(self, request: ReserveRequest) -> Understood:
        """Return what was read, with the doubts about its times; call `request` first."""
        now, tz = self.moments.now, self.moments.tz
        doubts: list[Doubt] = []
        others: list[ReserveRequest] = []
        if request.start is not None:
            doubt = doubt_about(self.start_words, request.start, now=now, tz=tz)
            if doubt is not None:
                doubts.append(doubt)
                others += self._with_start(request, doubt.other)
        start = request.start or now
        if self.end_words is not None and self.end_words[0] not in self.start_words:
            end = start + request.length
            doubt = doubt_about(self.end_words, end, now=now, tz=tz, is_end=True)
            if doubt is not None:
                doubts.append(doubt)
                if doubt.other is not None and doubt.other > start:
                    others.append(replace(request, length=doubt.other - start))
        if others and request.start is not None and request.start < now <= (others[0].start or now):
            request, others[0] = others[0], request
        return Understood(request, tuple(doubts), tuple(others))

    def _with_start(self, request: ReserveRequest, start: datetime | None) -> list[ReserveRequest]:
        if start is None or request.start is None:
            return []
        if self.end_words is None:
            return [replace(request, start=start)]
        end = self.moments.read(self.end_words, after=start)
        if end is None or end[0] <= start:
            return []
        return [replace(request, start=start, length=end[0] - start)]

    def _step(self, position: int) -> int:
        """Understand the next words and return how many they were."""
        token = self.tokens[position]
        if token.quoted:
            self.note.append(token.text)
            return 1
        words = self._words_from(position)
        anywhere = (self._priority, self._preemption, self._argument, self._model)
        readers: tuple[Callable[[Sequence[str]], int], ...] = anywhere
        if not self.note_begun:
            before_note = (self._length, self._until, self._when, self._count, self._names)
            readers = (*anywhere, *before_note, self._train, self._type)
        for reader in readers:
            if used := reader(words):
                return used
        self._begin_note(words[0])
        return 1

    def _words_from(self, position: int) -> list[str]:
        words: list[str] = []
        for token in self.tokens[position : position + 9]:
            if token.quoted:
                break
            words.append(token.text)
        return words

    @property
    def _complete(self) -> bool:
        return self.end_words is not None or (
            (self.start is not None or self.starts_now) and self.length is not None
        )

    def _begin_note(self, word: str) -> None:
        if not self.note_begun and not self._complete:
            raise UnreadableTime(clip_word(word))
        self.note_begun = True
        self.note.append(word)

    def _length(self, words: Sequence[str]) -> int:
        lead = 1 if words[0].lower() == "for" and len(words) > 1 else 0
        found = read_length(words[lead:])
        if found is None or [word.lower() for word in words[1:4]] == _DAY_AFTER_TOMORROW:
            return 0
        if self.length is not None or self.end_words is not None:
            raise UnreadableRequest(
                clip_word(words[lead]), f"one length, or one end; {_QUOTE_NOTES}"
            )
        self.length = found[0]
        return found[1] + lead

    def _until(self, words: Sequence[str]) -> int:
        if words[0].lower() not in _UNTIL or len(words) < 2:
            return 0
        found = (
            _readable(self.moments, words[1:]) if self._complete else self.moments.read(words[1:])
        )
        if found is None:
            return 0
        if self.length is not None or self.end_words is not None:
            wanted = f"a length or an end, not both; {_QUOTE_NOTES}"
            raise UnreadableRequest(clip_word(" ".join(words[:2])), wanted)
        self.end_words = tuple(words[1 : 1 + found[1]])
        return found[1] + 1

    def _count(self, words: Sequence[str]) -> int:
        typed = read_count_and_type(words)
        if typed is not None:
            return self._take_count(words, typed[0], typed[2], typed[1])
        match = _COUNT.match(words[0].rstrip(","))
        if match is None:
            return 0
        used = 2 if len(words) > 1 and _COUNT_NOUN.match(words[1]) else 1
        return self._take_count(words, int(match[1]), used)

    def _take_count(
        self, words: Sequence[str], count: int, used: int, kind: str | None = None
    ) -> int:
        if self.count is not None or self.gpu_names:
            wanted = f"one number of GPUs, or their names; {_QUOTE_NOTES}"
            raise UnreadableRequest(clip_word(words[0]), wanted)
        self.count = count
        if kind is not None:
            self._take_type(kind)
        return used + 1 if kind and words[used:] and _COUNT_NOUN.match(words[used]) else used

    def _type(self, words: Sequence[str]) -> int:
        kind = read_type(words[0], self.gpu_models)
        if kind is None:
            return 0
        self._take_type(kind)
        return 2 if len(words) > 1 and _COUNT_NOUN.match(words[1]) else 1

    def _take_type(self, kind: str) -> None:
        if self.gpu_names or self.gpu_type not in (None, kind):
            wanted = f"one type of GPU, or names; {_QUOTE_NOTES}"
            raise UnreadableRequest(clip_word(kind), wanted)
        self.gpu_type = kind

    def _names(self, words: Sequence[str]) -> int:
        if not GPU_START.match(words[0]):
            return 0
        names = [name for name in words[0].split(",") if name]
        if not all(_GPU_NAME.match(name) for name in names):
            wanted = "GPU names such as `gpu3` or `gpu3@host2`, with commas between them"
            raise UnreadableRequest(clip_word(words[0]), wanted)
        if self.count is not None or self.gpu_type is not None:
            raise UnreadableRequest(
                clip_word(words[0]), "a number of GPUs or their names, not both"
            )
        self.gpu_names += tuple(names)
        return 1

    def _priority(self, words: Sequence[str]) -> int:
        word = words[0].lower()
        if word not in tuple(Priority):
            return 0
        if self.priority not in (None, Priority(word)):
            raise UnreadableRequest(word, "one priority")
        self.priority = Priority(word)
        return 1

    def _preemption(self, words: Sequence[str]) -> int:
        wanted = _PREEMPTION.get(words[0].lower())
        if wanted is None:
            return 0
        if self.preemptible not in (None, wanted):
            raise UnreadableRequest(words[0], "`preemptible` or `protected`, not both")
        self.preemptible = wanted
        return 1

    def _argument(self, words: Sequence[str]) -> int:
        match = _ARGUMENT.match(words[0])
        if match is None:
            return 0
        name = match[1].lower()
        if name in self.run_fields:
            raise UnreadableRequest(clip_word(words[0]), f"`{name}` once")
        self.run_fields[name] = match[2]
        self.wants_run = True
        return 1

    def _model(self, words: Sequence[str]) -> int:
        word = words[0]
        lower = word.lower()
        if MODEL_NAME.match(lower):
            return self._argument([f"model={lower}"])
        if lower.endswith(".pt") and RELATIVE_PATH.match(word):
            return self._argument([f"model={word}"])
        if lower.endswith((".yaml", ".yml")) and RELATIVE_PATH.match(word):
            return self._argument([f"data={word}"])
        if _LOOKS_LIKE_YOLO.match(word):
            raise InvalidRunSpec({"model": f"“{clip_word(word)}” is no YOLO model that I know"})
        return 0

    def _train(self, words: Sequence[str]) -> int:
        if words[0].lower() != "train":
            return 0
        self.wants_run = True
        return 1

    def _when(self, words: Sequence[str]) -> int:
        if self.start is not None or self.starts_now:
            if _readable(self.moments, words) is None:
                return 0
            raise UnreadableRequest(clip_word(" ".join(words[:2])), f"one start; {_QUOTE_NOTES}")
        found = self._range_before_day(words)
        if found is None:
            found = self.moments.read(words)
        if found is None:
            return 0
        self.starts_now = any(word.lower() in NOW_WORDS for word in words[: found[1]])
        self.start = None if self.starts_now else found[0]
        self.start_words = tuple(words[: found[1]])
        return found[1]

    def _range_before_day(self, words: Sequence[str]) -> tuple[datetime, int] | None:
        """Read ``18:00 - 20:00 tomorrow``, where the day belongs to the start."""
        lead = 1 if words[0].lower() in LEADS else 0
        first = read_clock(words[lead:])
        dash = lead + (first[1] if first else 0)
        if first is None or len(words) <= dash or words[dash].lower() not in _UNTIL:
            return None
        last = read_clock(words[dash + 1 :])
        if last is None or self.end_words is not None or self.length is not None:
            return None
        day_at = dash + 1 + last[1]
        day_words = self.moments.day_words(words[day_at:])
        if not day_words:
            return None
        day = words[day_at : day_at + day_words]
        self.end_words = tuple(words[dash + 1 : day_at])
        found = self.moments.read([*day, *words[lead:dash]])
        return None if found is None else (found[0], day_at + day_words)

    def _require_time(self, text: str) -> None:
        if self._complete:
            return
        asked = clip_word(text.strip())
        if self.length is not None:
            wanted = "a start: `now`, a time such as `18:00`, or `tomorrow 9am`"
        elif self.start is not None or self.starts_now:
            wanted = "a length such as `8h`, or an end such as `until 9am`"
        else:
            wanted = f"a start and a length, such as {EXAMPLE}"
        raise UnreadableRequest(asked, wanted)

    def _whole_length(self) -> timedelta:
        if self.end_words is None:
            return self.length or timedelta()
        start = self.start or self.moments.now
        found = self.moments.read(self.end_words, after=start)
        if found is None or found[0] <= start:
            raise UnreadableRequest(clip_word(" ".join(self.end_words)), "an end after the start")
        return found[0] - start

    def _note(self) -> str:
        note = " ".join(self.note).strip()
        if len(note) > NOTE_CHARS:
            raise UnreadableRequest(clip_word(note), f"a note of at most {NOTE_CHARS} characters")
        return note
