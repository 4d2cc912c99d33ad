"""A training as it may be asked for: every field checked, all faults named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bot.domain.errors import InvalidRunSpec

MODEL_NAME = re.compile(r"yolo(v?[0-9]{1,2})[nsmblxtce](-(seg|pose|cls|obb))?(\.(yaml|pt))?\Z")
RELATIVE_PATH = re.compile(r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\Z")
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
LARGEST_EPOCHS, LARGEST_IMGSZ_PX, LARGEST_BATCH = 10_000, 4096, 4096


@dataclass(frozen=True, slots=True)
class Range:
    """Allowed values of one extra argument: a type with a closed range."""

    kind: type[int | float | bool]
    low: float = 0
    high: float = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """Allowed values of one extra argument that is a word; case does not matter."""

    words: tuple[str, ...]


ExtraValue = float | int | bool | str

EXTRA_ARGUMENTS: Mapping[str, Range | Choice] = {
    "optimizer": Choice(("auto", "SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSProp")),
    "patience": Range(int, 0, 10_000),
    "lr0": Range(float, 1e-7, 1.0),
    "lrf": Range(float, 1e-7, 1.0),
    "momentum": Range(float, 0.0, 1.0),
    "weight_decay": Range(float, 0.0, 1.0),
    "warmup_epochs": Range(float, 0.0, 100.0),
    "close_mosaic": Range(int, 0, 10_000),
    "mosaic": Range(float, 0.0, 1.0),
    "mixup": Range(float, 0.0, 1.0),
    "fliplr": Range(float, 0.0, 1.0),
    "degrees": Range(float, 0.0, 180.0),
    "scale": Range(float, 0.0, 1.0),
    "workers": Range(int, 0, 64),
    "cos_lr": Range(bool),
    "amp": Range(bool),
    "single_cls": Range(bool),
}
"""Ultralytics arguments that may be set beside the main ones.

Source: https://docs.ultralytics.com/modes/train/#train-settings
"""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A checked training. ``imgsz`` in pixels, ``batch`` in images."""

    model: str
    data: str
    epochs: int = 100
    imgsz: int = 640
    batch: int = 16
    seed: int = 0
    extra: Mapping[str, ExtraValue] = field(default_factory=dict)


def check_training_spec(fields: Mapping[str, object], defaults: TrainingSpec) -> TrainingSpec:
    """Return the training that ``fields`` describe, with ``defaults`` for what they leave out.

    Values may be texts, as people type them.

    Raises:
        InvalidRunSpec: with every fault found, by field.
    """
    problems: dict[str, str] = {}
    given = {name: value for name, value in fields.items() if value not in (None, "")}

    def whole(name: str, default: int, low: int, high: int) -> int:
        value = given.pop(name, default)
        try:
            number = _read_number(str(value), int)
        except ValueError:
            problems[name] = f"must be a whole number, not “{_short(value)}”"
            return default
        if not low <= number <= high:
            problems[name] = f"must be from {low} to {high}, not {number}"
        return number

    model = str(given.pop("model", defaults.model))
    if not MODEL_NAME.match(model) and not RELATIVE_PATH.match(model):
        problems["model"] = (
            f"“{_short(model)}” is neither a YOLO name nor a path below the model folder"
        )
    data = str(given.pop("data", defaults.data))
    if not RELATIVE_PATH.match(data):
        problems["data"] = f"“{_short(data)}” is not a path below the data folder"
    spec = TrainingSpec(
        model=model,
        data=data,
        epochs=whole("epochs", defaults.epochs, 1, LARGEST_EPOCHS),
        imgsz=whole("imgsz", defaults.imgsz, 32, LARGEST_IMGSZ_PX),
        batch=whole("batch", defaults.batch, 1, LARGEST_BATCH),
        seed=whole("seed", defaults.seed, 0, 2**31 - 1),
        extra={**defaults.extra, **_check_extra(given, problems)},
    )
    if problems:
        raise InvalidRunSpec(problems)
    return spec


def _check_extra(given: Mapping[str, object], problems: dict[str, str]) -> dict[str, ExtraValue]:
    extra: dict[str, ExtraValue] = {}
    for name, value in given.items():
        allowed = EXTRA_ARGUMENTS.get(name)
        if allowed is None:
            problems[name] = "is not an argument that Berth passes on"
            continue
        try:
            extra[name] = _read_value(value, allowed)
        except ValueError:
            problems[name] = f"must be {_wanted(allowed)}, not “{_short(value)}”"
    return extra


def _wanted(allowed: Range | Choice) -> str:
    if isinstance(allowed, Choice):
        return f"one of {', '.join(allowed.words)}"
    return "yes or no" if allowed.kind is bool else f"{allowed.low:g} to {allowed.high:g}"


def _read_value(value: object, allowed: Range | Choice) -> ExtraValue:
    text = str(value).strip().lower()
    if isinstance(allowed, Choice):
        return _read_choice(text, allowed)
    if allowed.kind is bool:
        if text not in _YES | _NO:
            raise ValueError(text)
        return text in _YES
    number = _read_number(text, allowed.kind)
    if not allowed.low <= number <= allowed.high:
        raise ValueError(text)
    return number


def _read_choice(text: str, allowed: Choice) -> str:
    for word in allowed.words:
        if word.lower() == text:
            return word
    raise ValueError(text)


N = TypeVar("N", int, float)


def _read_number(text: str, kind: type[N]) -> N:
    """Read a number as it is written in a file of settings.

    Python itself also takes ``1_000`` and the digits of every script, which nobody means here.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
