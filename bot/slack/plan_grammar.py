"""What people write after ``/gpu plan``: a training, GPUs, and by when; in any order.

``yolov8l coco.yaml 100 epochs 4 gpus by fri 9am``.  Words that only join are passed over; what fits
nowhere is named in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.errors import InvalidRunSpec, UnreadableRequest
from bot.domain.planning import PlanRequest
from bot.domain.priority import Priority
from bot.domain.run_spec import MODEL_NAME, RELATIVE_PATH, TrainingSpec, check_training_spec
from bot.slack.gpu_type_words import read_count_and_type, read_type
from bot.slack.times import MomentReader
from bot.slack.tokens import clip_word, tokens_of

EXAMPLE = "`/gpu plan yolov8l coco.yaml 100 epochs 4 gpus by fri 9am`"
_DEADLINE = frozenset({"by", "before", "until", "till", "deadline", "due"})
_EARLIEST = frozenset({"from", "after", "starting"})
_FILLERS = frozenset(
    {"on", "with", "for", "of", "the", "and", "a", "at", "in", "train", "using", "please", ","}
)
_EPOCHS = re.compile(r"(\d{1,6})(?:e|ep|epochs?),?\Z", re.IGNORECASE)
_EPOCH_NOUN = re.compile(r"(?:e|ep|epochs?),?\Z", re.IGNORECASE)
_PIXELS = re.compile(r"(\d{2,4})(?:px|pixels?),?\Z", re.IGNORECASE)
_PIXEL_NOUN = re.compile(r"(?:px|pixels?),?\Z", re.IGNORECASE)
_COUNT = re.compile(r"x?(\d{1,6})x?(?:gpus?|cards?),?\Z", re.IGNORECASE)
_COUNT_NOUN = re.compile(r"(?:gpus?|cards?),?\Z", re.IGNORECASE)
_ARGUMENT = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,40})=(\S*)\Z")
_NAMED = frozenset({"epochs", "imgsz", "batch", "seed", "model", "data", "task"})
_LOOKS_LIKE_YOLO = re.compile(r"yolov?\d", re.IGNORECASE)


def parse_plan(
    text: str,
    *,
    now: datetime,
    tz: ZoneInfo,
    run_defaults: TrainingSpec,
    gpu_models: Sequence[str] = (),
) -> PlanRequest:
    """Read a plan in one line, with ``run_defaults`` for what is not said of the training.

    Raises:
        UnreadableTime: a word should be a time and is none.
        UnreadableRequest: something is said twice, or fits nowhere.
        InvalidRunSpec: the training's arguments have faults.
    """
    words = [token.text for token in tokens_of(text)]
    reading = _Reading(MomentReader(now, tz), words, tuple(gpu_models))
    return reading.request(run_defaults)


@dataclass(slots=True)
class _Reading:
    moments: MomentReader
    words: list[str]
    gpu_models: tuple[str, ...]
    count: int | None = None
    gpu_type: str | None = None
    deadline: datetime | None = None
    not_before: datetime | None = None
    priority: Priority | None = None
    run_fields: dict[str, str] = field(default_factory=dict)

    def request(self, run_defaults: TrainingSpec) -> PlanRequest:
        position = 0
        while position < len(self.words):
            position += self._step(self.words[position : position + 9])
        if self.deadline and self.deadline <= (self.not_before or self.moments.now):
            raise UnreadableRequest("", "a deadline that lies ahead")
        return PlanRequest(
            run=check_training_spec(self.run_fields, run_defaults),
            gpu_count=1 if self.count is None else self.count,
            gpu_type=self.gpu_type,
            deadline=self.deadline,
            not_before=self.not_before,
            priority=self.priority,
        )

    def _step(self, words: Sequence[str]) -> int:
        readers: tuple[Callable[[Sequence[str]], int], ...] = (
            self._moment,
            self._argument,
            self._named,
            self._epochs,
            self._pixels,
            self._gpus,
            self._model,
            self._priority,
            self._type,
        )
        for reader in readers:
            if used := reader(words):
                return used
        if words[0].lower().strip(",") in _FILLERS or not words[0].strip(","):
            return 1
        raise UnreadableRequest(
            clip_word(words[0]), f"a model, data, epochs, GPUs or a deadline, such as {EXAMPLE}"
        )

    def _moment(self, words: Sequence[str]) -> int:
        lead = words[0].lower()
        if lead not in _DEADLINE | _EARLIEST or len(words) < 2:
            return 0
        found = self.moments.read(words[1:])
        if found is None:
            if lead in _DEADLINE:
                asked = clip_word(" ".join(words[:2]))
                raise UnreadableRequest(asked, "a day and a time, such as `by fri 9am`")
            return 0
        if lead in _DEADLINE:
            if self.deadline is not None:
                raise UnreadableRequest(clip_word(" ".join(words[:2])), "one deadline")
            self.deadline = found[0]
        else:
            self.not_before = found[0]
        return found[1] + 1

    def _argument(self, words: Sequence[str]) -> int:
        match = _ARGUMENT.match(words[0].rstrip(","))
        if match is None:
            return 0
        name = match[1].lower()
        if name in ("gpus", "gpu"):
            return self._take_count(words[0], match[2], 1)
        if name == "deadline":
            found = self.moments.read([match[2]])
            if found is None:
                raise UnreadableRequest(clip_word(words[0]), "a time after `by`")
            self.deadline = found[0]
            return 1
        return self._take(name, match[2], words[0], 1)

    def _named(self, words: Sequence[str]) -> int:
        """Read ``imgsz 960``, ``batch 32``, ``epochs 100``, ``data coco.yaml``."""
        name = words[0].lower().rstrip(":")
        if name not in _NAMED or len(words) < 2:
            return 0
        return self._take(name, words[1].rstrip(","), words[0], 2)

    def _epochs(self, words: Sequence[str]) -> int:
        if match := _EPOCHS.match(words[0]):
            return self._take("epochs", match[1], words[0], 1)
        spread = words[0].isdecimal() and len(words) > 1 and _EPOCH_NOUN.match(words[1])
        return self._take("epochs", words[0], words[0], 2) if spread else 0

    def _pixels(self, words: Sequence[str]) -> int:
        if match := _PIXELS.match(words[0]):
            return self._take("imgsz", match[1], words[0], 1)
        spread = words[0].isdecimal() and len(words) > 1 and _PIXEL_NOUN.match(words[1])
        return self._take("imgsz", words[0], words[0], 2) if spread else 0

    def _gpus(self, words: Sequence[str]) -> int:
        typed = read_count_and_type(words)
        if typed is not None:
            self.gpu_type = typed[1]
            used = typed[2]
            noun = words[used:] and _COUNT_NOUN.match(words[used])
            return self._take_count(words[0], str(typed[0]), used + bool(noun))
        if match := _COUNT.match(words[0]):
            return self._take_count(words[0], match[1], 1)
        if words[0].isdecimal() and len(words) > 1:
            if _COUNT_NOUN.match(words[1]):
                return self._take_count(words[0], words[0], 2)
            kind = read_type(words[1], self.gpu_models)
            if kind is not None:
                self.gpu_type = kind
                noun = words[2:] and _COUNT_NOUN.match(words[2])
                return self._take_count(words[0], words[0], 2 + bool(noun))
        return 0

    def _model(self, words: Sequence[str]) -> int:
        word = words[0].rstrip(",")
        lower = word.lower()
        if MODEL_NAME.match(lower):
            return self._take("model", lower, word, 1)
        if lower.endswith(".pt") and RELATIVE_PATH.match(word):
            return self._take("model", word, word, 1)
        if lower.endswith((".yaml", ".yml")) and RELATIVE_PATH.match(word):
            return self._take("data", word, word, 1)
        if _LOOKS_LIKE_YOLO.match(word):
            raise InvalidRunSpec({"model": f"“{clip_word(word)}” is no YOLO model that I know"})
        return 0

    def _priority(self, words: Sequence[str]) -> int:
        word = words[0].lower().rstrip(",")
        if word not in tuple(Priority):
            return 0
        self.priority = Priority(word)
        return 1

    def _type(self, words: Sequence[str]) -> int:
        kind = read_type(words[0], self.gpu_models)
        if kind is None:
            return 0
        self.gpu_type = kind
        return 2 if len(words) > 1 and _COUNT_NOUN.match(words[1]) else 1

    def _take(self, name: str, value: str, word: str, used: int) -> int:
        if self.run_fields.get(name, value) != value:
            raise UnreadableRequest(clip_word(word), f"`{name}` once")
        self.run_fields[name] = value
        return used

    def _take_count(self, word: str, value: str, used: int) -> int:
        if self.count is not None or not value.isdecimal():
            raise UnreadableRequest(clip_word(word), "one number of GPUs")
        self.count = int(value)
        return used
