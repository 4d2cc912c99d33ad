"""Which further Ultralytics arguments a training may be given, and within what bounds.

An allow list: what is not on it is refused, so that a new release of Ultralytics cannot open a
hole.  Source: https://docs.ultralytics.com/modes/train/#train-settings
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


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

_FLAG, _FRACTION, _GAIN = Range(bool), Range(float, 0.0, 1.0), Range(float, 0.0, 1000.0)
_LEARNING_RATE, _DEGREES = Range(float, 1e-7, 1.0), Range(float, 0.0, 180.0)

EXTRA_ARGUMENTS: Mapping[str, Range | Choice] = {
    # how it learns
    "optimizer": Choice(
        ("auto", "SGD", "MuSGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSProp")
    ),
    "patience": Range(int, 0, 10_000),
    "lr0": _LEARNING_RATE,
    "lrf": _LEARNING_RATE,
    "cos_lr": _FLAG,
    "momentum": _FRACTION,
    "weight_decay": _FRACTION,
    "warmup_epochs": Range(float, 0.0, 100.0),
    "warmup_momentum": _FRACTION,
    "warmup_bias_lr": _FRACTION,
    "nbs": Range(int, 1, 4096),
    "amp": _FLAG,
    "deterministic": _FLAG,
    "pretrained": _FLAG,
    "freeze": Range(int, 0, 1000),
    "dropout": Range(float, 0.0, 0.99),
    # what it learns from
    "single_cls": _FLAG,
    "fraction": Range(float, 0.001, 1.0),
    "rect": _FLAG,
    "multi_scale": _FRACTION,
    "workers": Range(int, 0, 64),
    "cache": _FLAG,
    "overlap_mask": _FLAG,
    "mask_ratio": Range(int, 1, 32),
    "max_det": Range(int, 1, 10_000),
    # what counts how much
    "box": _GAIN,
    "cls": _GAIN,
    "cls_pw": _FRACTION,
    "dfl": _GAIN,
    "pose": _GAIN,
    "kobj": _GAIN,
    "rle": _GAIN,
    "angle": _GAIN,
    # how pictures are varied
    "close_mosaic": Range(int, 0, 10_000),
    "mosaic": _FRACTION,
    "mixup": _FRACTION,
    "cutmix": _FRACTION,
    "copy_paste": _FRACTION,
    "copy_paste_mode": Choice(("flip", "mixup")),
    "hsv_h": _FRACTION,
    "hsv_s": _FRACTION,
    "hsv_v": _FRACTION,
    "degrees": _DEGREES,
    "translate": _FRACTION,
    "scale": _FRACTION,
    "shear": _DEGREES,
    "perspective": Range(float, 0.0, 0.001),
    "flipud": _FRACTION,
    "fliplr": _FRACTION,
    "bgr": _FRACTION,
    "auto_augment": Choice(("randaugment", "autoaugment", "augmix")),
    "erasing": Range(float, 0.0, 0.9),
    # what it draws
    "plots": _FLAG,
}
"""Ultralytics arguments that may be set beside the main ones. ``cache`` means: in memory."""

_FOLDER = "is Berth's to choose: every attempt has a folder of its own"
_PROGRAM = "is not passed on: it would run or load a file that nobody has checked"
_NOT_TRAINING = "is no argument of a training"

REFUSED_ARGUMENTS: Mapping[str, str] = {
    "project": _FOLDER,
    "name": _FOLDER,
    "save_dir": _FOLDER,
    "exist_ok": _FOLDER,
    "resume": "is Berth's to decide: an interrupted run is resumed by itself",
    "device": "is not yours to set: the run gets the GPUs of its reservation",
    "mode": "is always train",
    "cfg": "is not passed on: a file could override every other argument",
    "paths": "is not passed on: files are found below the folders that the host allows",
    "augmentations": _PROGRAM,
    "distill_model": _PROGRAM,
    "tracker": _NOT_TRAINING,
    "source": _NOT_TRAINING,
    "show": _NOT_TRAINING,
    "time": "is not passed on: Berth plans by epochs, and a resumed run would start its time anew",
    "save": "is always on: without checkpoints nothing could be stopped softly",
    "save_period": "is not passed on: it would fill the disk; the last two and the best are kept",
    "val": "is always on: the best epoch is chosen by it",
    "split": "is always val",
    "profile": "is not passed on: it writes exports that nobody asked for",
    "compile": "is not passed on: it needs a compiler on the host",
    "verbose": "is not passed on: the log has a fixed form",
}
"""Arguments that somebody may well try, and why they are refused."""


def why_refused(name: str) -> str:
    """Return why an argument that is not in `EXTRA_ARGUMENTS` is not passed on."""
    if name in REFUSED_ARGUMENTS:
        return REFUSED_ARGUMENTS[name]
    close = get_close_matches(name[:40], EXTRA_ARGUMENTS, n=1, cutoff=0.75)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"is not an argument that Berth passes on{meant}"


def wanted(allowed: Range | Choice) -> str:
    """Return what values are allowed, to go after "must be"."""
    if isinstance(allowed, Choice):
        return f"one of {', '.join(allowed.words)}"
    if allowed.kind is bool:
        return "yes or no"
    whole = "a whole number from " if allowed.kind is int else ""
    return f"{whole}{allowed.low:g} to {allowed.high:g}"


def read_value(value: object, allowed: Range | Choice) -> ExtraValue:
    """Return a value as it is passed on; texts are read as people write them.

    Raises:
        ValueError: it is none of the allowed ones.
    """
    text = str(value).strip().lower()
    if isinstance(allowed, Choice):
        return _read_choice(text, allowed)
    if allowed.kind is bool:
        if text not in _YES | _NO:
            raise ValueError(text)
        return text in _YES
    number = read_number(text, allowed.kind)
    if not allowed.low <= number <= allowed.high:
        raise ValueError(text)
    return number


def _read_choice(text: str, allowed: Choice) -> str:
    for word in allowed.words:
        if word.lower() == text:
            return word
    raise ValueError(text)


N = TypeVar("N", int, float)


def read_number(text: str, kind: type[N]) -> N:
    """Read a number as it is written in a file of settings.

    Python itself also takes ``1_000`` and the digits of every script, which nobody means here.

    Raises:
        ValueError: it is none.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)
