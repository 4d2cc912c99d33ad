"""A training as it may be asked for: every field checked, all faults named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.errors import InvalidRunSpec
from bot.domain.run_arguments import (
    EXTRA_ARGUMENTS,
    ExtraValue,
    read_number,
    read_value,
    wanted,
    why_refused,
)

MODEL_NAME = re.compile(r"yolo(v?[0-9]{1,2})[nsmblxtce](-(seg|pose|cls|obb))?(\.(yaml|pt))?\Z")
RELATIVE_PATH = re.compile(r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\Z")
LARGEST_EPOCHS, LARGEST_IMGSZ_PX, LARGEST_BATCH = 10_000, 4096, 4096

Task = Literal["detect", "segment", "classify", "pose", "obb"]
"""What a model is to do; Ultralytics' own words."""

TASKS: tuple[Task, ...] = ("detect", "segment", "classify", "pose", "obb")
TASK_OF_SUFFIX: Mapping[str, Task] = {
    "seg": "segment",
    "cls": "classify",
    "pose": "pose",
    "obb": "obb",
}
"""What the end of a model's name says about its task; without one it detects."""

_SUFFIX = re.compile(r"-(seg|cls|pose|obb)(\.[a-z]+)?\Z")


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A checked training. ``imgsz`` in pixels, ``batch`` in images, ``task`` one of `TASKS`."""

    model: str
    data: str
    epochs: int = 100
    imgsz: int = 640
    batch: int = 16
    seed: int = 0
    extra: Mapping[str, ExtraValue] = field(default_factory=dict)
    task: Task = "detect"


def task_of_model(model: str) -> Task | None:
    """Return the task that a model's name tells; None for a file of one's own that tells none."""
    suffix = _SUFFIX.search(model)
    if suffix:
        return TASK_OF_SUFFIX[suffix[1]]
    return "detect" if MODEL_NAME.match(model) else None


def check_training_spec(fields: Mapping[str, object], defaults: TrainingSpec) -> TrainingSpec:
    """Return the training that ``fields`` describe, with ``defaults`` for what they leave out.

    Values may be texts, as people type them.  The task is told by the model's name (``-seg`` and
    so on) or by ``task``; where both tell one they must agree.

    Raises:
        InvalidRunSpec: with every fault found, by field.
    """
    problems: dict[str, str] = {}
    given = {name: value for name, value in fields.items() if value not in (None, "")}

    def whole(name: str, default: int, low: int, high: int) -> int:
        value = given.pop(name, default)
        try:
            number = read_number(str(value), int)
        except ValueError:
            problems[name] = f"must be a whole number, not “{_short(value)}”"
            return default
        if not low <= number <= high:
            problems[name] = f"must be from {low} to {high}, not {number}"
        return number

    from_defaults = "model" not in given
    model = str(given.pop("model", defaults.model))
    if not MODEL_NAME.match(model) and not RELATIVE_PATH.match(model):
        problems["model"] = (
            f"“{_short(model)}” is neither a YOLO name nor a path below the model folder"
        )
    task = _check_task(given.pop("task", None), model, problems) or (
        # The task of the default model says nothing about another one.
        defaults.task if from_defaults else "detect"
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
        task=task,
    )
    if problems:
        raise InvalidRunSpec(problems)
    return spec


def _check_task(asked: object, model: str, problems: dict[str, str]) -> Task | None:
    """Return the task that is asked for, or that the model tells; None where nothing tells it."""
    told = task_of_model(model)
    if asked is None:
        return told
    word = str(asked).strip().lower()
    task = TASK_OF_SUFFIX.get(word) or next((one for one in TASKS if one == word), None)
    if task is None:
        problems["task"] = f"must be one of {', '.join(TASKS)}, not “{_short(asked)}”"
    elif told is not None and told != task:
        problems["task"] = (
            f"is {task}, but “{_short(model)}” is a model to {told}: "
            f"leave the task out, or take {_model_for(task, model)}"
        )
    return task


def _model_for(task: Task, model: str) -> str:
    """Return what a model of the same kind for another task is called."""
    suffix = next((f"-{end}" for end, one in TASK_OF_SUFFIX.items() if one == task), "")
    plain = _SUFFIX.sub(r"\2", model)
    if not MODEL_NAME.match(plain):
        return f"a model to {task}"
    stem, dot, ending = plain.partition(".")
    return f"{stem}{suffix}{dot}{ending}"


def _check_extra(given: Mapping[str, object], problems: dict[str, str]) -> dict[str, ExtraValue]:
    extra: dict[str, ExtraValue] = {}
    for name, value in given.items():
        allowed = EXTRA_ARGUMENTS.get(name)
        if allowed is None:
            problems[name] = why_refused(name)
            continue
        try:
            extra[name] = read_value(value, allowed)
        except ValueError:
            problems[name] = f"must be {wanted(allowed)}, not “{_short(value)}”"
    return extra


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
