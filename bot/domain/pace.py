"""How long an epoch takes, from epochs of other runs: measured, or scaled by a stated rule.

What has run exactly like this (model, image size, batch, GPU type, number of GPUs, data, task) is
taken as it was.  Where there is nothing like that, the nearest history is scaled, step by step;
each step says by what, and has a range of its own, because none of these laws is exact:

* image size: time grows with the pixels, to the power of 0.75 to 1.05, likely 0.95;
* model: with the floating-point operations of its size (`GFLOPS`), to the power of 0.4 to 1, likely
  0.75: small models wait for their data;
* number of GPUs: falls with it, to the power of 0.6 to 1, likely 0.88;
* batch: to the power of -0.25 to 0.1, likely -0.05;
* kind of GPU: by what runs that were alike on both have taken; where there are none, it is taken
  as equal, and the range is from half to twice.

Another data set is never scaled from: its number of images is not known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from bot.domain.forecast import IN_FOUR_OF_FIVE, Span

GFLOPS: Mapping[str, Mapping[str, float]] = {
    "yolov5": {"n": 7.7, "s": 24.0, "m": 64.2, "l": 135.0, "x": 246.4},
    "yolov8": {"n": 8.7, "s": 28.6, "m": 78.9, "l": 165.2, "x": 257.8},
    "yolov9": {"t": 7.7, "s": 26.4, "m": 76.3, "c": 102.1, "e": 189.0},
    "yolov10": {"n": 6.7, "s": 21.6, "m": 59.1, "b": 92.0, "l": 120.3, "x": 160.4},
    "yolo11": {"n": 6.5, "s": 21.5, "m": 68.0, "l": 86.9, "x": 194.9},
    "yolo12": {"n": 6.5, "s": 21.4, "m": 67.5, "l": 88.9, "x": 199.0},
    "yolo26": {"n": 6.2, "s": 23.1, "m": 75.6, "l": 94.2, "x": 210.1},
}
"""Billions of operations for one image of 640 pixels, by family and size (detection).

Source: the tables of https://docs.ultralytics.com/models/ (a page for each family); those of yolo26
counted by Ultralytics itself from the models' own files.  Only their ratios are used.
"""

_MODEL = re.compile(r"(yolov?\d{1,2})([nsmblxtce])(-(?:seg|pose|cls|obb))?(?:\.(?:yaml|pt))?\Z")
PRIOR_SPREAD, PRIOR_RUNS = 0.10, 2.0
LEVEL_SPREAD = 0.05
"""Two runs alike on the same kind of machine still differ by so much (one standard deviation)."""

DEFAULT_STARTUP = timedelta(minutes=3)
LONGEST_STARTUP = timedelta(hours=2)
MOST_STEPS_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class PaceKey:
    """What the length of an epoch depends on. ``imgsz`` in pixels, ``batch`` in images."""

    task: str
    model: str
    data: str
    imgsz: int
    batch: int
    gpu_type: str
    gpu_count: int


@dataclass(frozen=True, slots=True)
class PaceSample:
    """What one attempt has measured: the median of its epochs, and how many there were.

    ``startup_s`` is what came before its epochs and was lost on the first one; None: not known.
    """

    key: PaceKey
    epoch_s: float
    epochs: int
    startup_s: float | None = None


@dataclass(frozen=True, slots=True)
class ScaleStep:
    """One step of scaling: ``what`` is ``imgsz``, ``model``, ``gpus``, ``batch`` or ``gpu_type``.

    ``guessed`` tells that there was nothing to scale by.
    """

    what: str
    old: str
    new: str
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class PaceEstimate:
    """Seconds per epoch and before the first one, with what they are based on."""

    low_s: float
    likely_s: float
    high_s: float
    startup: timedelta
    runs: int
    key: PaceKey
    steps: tuple[ScaleStep, ...] = ()

    def length_of(self, epochs: int) -> Span:
        """Return how long so many epochs take, the start included."""
        startup_s = self.startup.total_seconds()
        return Span.of_seconds(
            startup_s + self.low_s * epochs,
            startup_s + self.likely_s * epochs,
            startup_s + self.high_s * epochs,
        )

    def epochs_within(self, length: timedelta) -> int:
        """Return how many epochs surely fit into ``length``, the start included."""
        left_s = (length - self.startup).total_seconds()
        return max(0, int(left_s // self.high_s)) if self.high_s > 0 else 0


@dataclass(frozen=True, slots=True)
class _Factor:
    low: float
    likely: float
    high: float
    step: ScaleStep


def estimate_pace(wanted: PaceKey, samples: Sequence[PaceSample]) -> PaceEstimate | None:
    """Return what an epoch of ``wanted`` takes, or None where nothing can be said.

    ``samples`` are of the same task and data; others are left out.
    """
    usable = [
        sample
        for sample in samples
        if (sample.key.task, sample.key.data) == (wanted.task, wanted.data)
        and sample.epoch_s > 0
        and sample.epochs > 0
    ]
    paths = [(path, sample) for sample in usable if (path := _path(wanted, sample, usable))]
    if not paths:
        return None
    nearest = min(_distance(path) for path, _ in paths)
    chosen = [(path, sample) for path, sample in paths if _distance(path) <= nearest * 1.0001]
    key = chosen[-1][1].key
    alike = [(path, sample) for path, sample in chosen if sample.key == key]
    factors = alike[0][0].factors
    return _estimate(factors, [sample for _, sample in alike], key)


@dataclass(frozen=True, slots=True)
class _Path:
    factors: tuple[_Factor, ...]


def _path(wanted: PaceKey, sample: PaceSample, samples: Sequence[PaceSample]) -> _Path | None:
    """Return the steps from a sample to what is wanted, None where there is no way."""
    model = _model_factor(sample.key.model, wanted.model)
    if model is None and sample.key.model != wanted.model:
        return None
    found = (
        model,
        _power("imgsz", sample.key.imgsz**2, wanted.imgsz**2, (0.75, 0.95, 1.05), 0.5),
        _power("batch", sample.key.batch, wanted.batch, (-0.25, -0.05, 0.1)),
        _power("gpus", sample.key.gpu_count, wanted.gpu_count, (-1.0, -0.88, -0.6)),
        _gpu_factor(sample.key.gpu_type, wanted.gpu_type, samples),
    )
    return _Path(tuple(factor for factor in found if factor is not None))


def _distance(path: _Path) -> float:
    """Return how uncertain a path is: the shortest one is the best to go by."""
    return sum(math.log(factor.high / factor.low) + 0.02 for factor in path.factors)


def _power(
    what: str, old: float, new: float, exponents: tuple[float, float, float], shown: float = 1.0
) -> _Factor | None:
    if old == new:
        return None
    ratio = new / old
    low, high = sorted((ratio ** exponents[0], ratio ** exponents[2]))
    likely = min(max(ratio ** exponents[1], low), high)
    step = ScaleStep(what, f"{old**shown:.0f}", f"{new**shown:.0f}")
    return _Factor(low, likely, high, step)


def _model_factor(old: str, new: str) -> _Factor | None:
    first, second = _gflops(old), _gflops(new)
    if old == new or first is None or second is None or first[1] != second[1]:
        return None
    ratio = second[0] / first[0]
    low, high = sorted((ratio**0.4, ratio**1.0))
    # Models of other families differ in more than their operations.
    slack = 1.0 if first[2] == second[2] else 1.15
    return _Factor(low / slack, ratio**0.75, high * slack, ScaleStep("model", old, new))


def _gflops(model: str) -> tuple[float, str, str] | None:
    """Return the operations, the suffix of the task and the family of a model that is known."""
    match = _MODEL.match(model.lower())
    if match is None:
        return None
    amount = GFLOPS.get(match[1], {}).get(match[2])
    return None if amount is None else (amount, match[3] or "", match[1])


def _gpu_factor(old: str, new: str, samples: Sequence[PaceSample]) -> _Factor | None:
    if old == new:
        return None
    ratios = list(_shared_ratios(old, new, samples))
    if not ratios:
        return _Factor(0.5, 1.0, 2.0, ScaleStep("gpu_type", old, new, guessed=True))
    ratio = median(ratios)
    return _Factor(ratio / 1.15, ratio, ratio * 1.15, ScaleStep("gpu_type", old, new))


def _shared_ratios(old: str, new: str, samples: Sequence[PaceSample]) -> Iterator[float]:
    """Yield how much longer epochs took on ``new`` than on ``old``, for all that ran on both."""
    by_rest: dict[tuple[object, ...], dict[str, list[float]]] = {}
    for sample in samples:
        key = sample.key
        rest = (key.model, key.imgsz, key.batch, key.gpu_count)
        by_rest.setdefault(rest, {}).setdefault(key.gpu_type, []).append(sample.epoch_s)
    for seconds in by_rest.values():
        if old in seconds and new in seconds:
            yield median(seconds[new]) / median(seconds[old])


def _estimate(
    factors: Sequence[_Factor], samples: Sequence[PaceSample], key: PaceKey
) -> PaceEstimate:
    likely_s = median(sample.epoch_s for sample in samples)
    spread = IN_FOUR_OF_FIVE * _spread([sample.epoch_s for sample in samples], likely_s)
    low_s, high_s = likely_s / (1 + spread), likely_s * (1 + spread)
    # Independent steps add up as squares, of their logarithms.
    down = math.sqrt(sum(math.log(each.likely / each.low) ** 2 for each in factors))
    up = math.sqrt(sum(math.log(each.high / each.likely) ** 2 for each in factors))
    scale = math.prod(each.likely for each in factors)
    known = [sample.startup_s for sample in samples if sample.startup_s is not None]
    startup = timedelta(seconds=median(known)) if known else DEFAULT_STARTUP
    return PaceEstimate(
        low_s=low_s * scale * math.exp(-down),
        likely_s=likely_s * scale,
        high_s=high_s * scale * math.exp(up),
        startup=min(max(startup, timedelta()), LONGEST_STARTUP),
        runs=len(samples),
        key=key,
        steps=tuple(each.step for each in factors),
    )


def _spread(seconds: Sequence[float], level: float) -> float:
    """Return one standard deviation of the next run, as a share; wide where few have been seen."""
    count = len(seconds)
    seen = 1.4826 * median(abs(each - level) for each in seconds) / level
    drawn = (count * min(seen, 1.0) ** 2 + PRIOR_RUNS * PRIOR_SPREAD**2) / (count + PRIOR_RUNS)
    return math.sqrt(drawn * (1 + 1 / count) + LEVEL_SPREAD**2)
