"""What an epoch takes where nobody has tried it: scaled from the nearest, with an honest range."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pace import PaceKey, PaceSample, estimate_pace
from tests.strategies import MODEST

KEY = PaceKey("detect", "yolo11m", "coco.yaml", 640, 16, "A100", 1)


def sample(epoch_s: float = 100.0, **changes: object) -> PaceSample:
    return PaceSample(replace(KEY, **changes), epoch_s, 30, 60.0)  # type: ignore[arg-type] # fields


def test_without_history_nothing_is_said() -> None:
    assert estimate_pace(KEY, []) is None
    assert estimate_pace(KEY, [sample(data="other.yaml")]) is None, "its size is not known"
    assert estimate_pace(KEY, [sample(task="segment")]) is None
    assert estimate_pace(KEY, [sample(model="own/thing.yaml")]) is None, "nothing to scale by"


def test_what_has_run_like_this_is_taken_as_it_was() -> None:
    found = estimate_pace(KEY, [sample(98), sample(100), sample(103), sample(999, imgsz=960)])
    assert found is not None
    assert (found.likely_s, found.runs, found.steps) == (100, 3, ())
    assert found.low_s < 100 < found.high_s < 125
    assert found.startup == timedelta(seconds=60)
    assert found.length_of(10).likely == timedelta(seconds=1060)


def test_more_runs_narrow_the_range() -> None:
    few, many = (estimate_pace(KEY, [sample()] * count) for count in (1, 10))
    assert few is not None
    assert many is not None
    assert many.high_s - many.low_s < few.high_s - few.low_s


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"imgsz": 960}, "imgsz"),
        ({"model": "yolo11l"}, "model"),
        ({"model": "yolov8m"}, "model"),
        ({"batch": 32}, "batch"),
        ({"gpu_count": 4}, "gpus"),
        ({"gpu_type": "H100"}, "gpu_type"),
    ],
)
def test_each_step_is_named_and_widens_the_range(changes: dict[str, object], what: str) -> None:
    history = [sample()] * 3
    exact = estimate_pace(KEY, history)
    scaled = estimate_pace(replace(KEY, **changes), history)  # type: ignore[arg-type] # fields
    assert exact is not None
    assert scaled is not None
    assert [step.what for step in scaled.steps] == [what]
    assert scaled.high_s / scaled.low_s > exact.high_s / exact.low_s
    assert scaled.key == KEY


def test_larger_images_and_models_take_longer_and_more_gpus_less() -> None:
    history = [sample()]
    of = {
        name: estimate_pace(replace(KEY, **changes), history)  # type: ignore[arg-type] # fields
        for name, changes in {
            "large": {"imgsz": 1280},
            "small": {"imgsz": 320},
            "nano": {"model": "yolo11n"},
            "four": {"gpu_count": 4},
        }.items()
    }
    seconds = {name: found.likely_s for name, found in of.items() if found is not None}
    assert 300 < seconds["large"] < 430
    assert 20 < seconds["small"] < 40
    assert 10 < seconds["nano"] < 60
    assert 25 < seconds["four"] < 40


def test_the_nearest_history_is_scaled_from() -> None:
    found = estimate_pace(replace(KEY, imgsz=960), [sample(100), sample(210, imgsz=900)])
    assert found is not None
    assert found.key.imgsz == 900


def test_kinds_of_gpus_are_compared_by_what_ran_on_both() -> None:
    shared = [sample(50, model="yolo11s", gpu_type=kind) for kind in ("A100",)]
    shared += [sample(25, model="yolo11s", gpu_type="H100"), sample(100)]
    found = estimate_pace(replace(KEY, gpu_type="H100"), shared)
    assert found is not None
    assert found.likely_s == pytest.approx(50)
    assert not found.steps[0].guessed
    guessed = estimate_pace(replace(KEY, gpu_type="H100"), [sample(100)])
    assert guessed is not None
    assert guessed.steps[0].guessed
    assert guessed.high_s / guessed.low_s > 3


KEYS = st.builds(
    PaceKey,
    st.just("detect"),
    st.sampled_from(["yolo11n", "yolo11m", "yolov8x", "yolo26s"]),
    st.just("coco.yaml"),
    st.sampled_from([320, 640, 1280]),
    st.sampled_from([8, 16, 64]),
    st.sampled_from(["A100", "H100"]),
    st.integers(1, 8),
)
SAMPLES = st.lists(st.builds(PaceSample, KEYS, st.floats(0.1, 1e4), st.integers(1, 99)), max_size=9)


@MODEST
@given(KEYS, SAMPLES)
def test_the_range_contains_the_point_and_a_longer_run_takes_longer(
    key: PaceKey, samples: list[PaceSample]
) -> None:
    found = estimate_pace(key, samples)
    if found is None:
        return
    assert 0 < found.low_s <= found.likely_s <= found.high_s
    shorter, longer = found.length_of(10), found.length_of(11)
    assert shorter.low < longer.low
    assert shorter.low <= shorter.likely <= shorter.high
    fits = found.epochs_within(longer.high)
    assert 10 <= fits <= 11


def test_four_of_five_runs_of_a_kind_take_as_long_as_was_said() -> None:
    """Noise, as stated: runs differ by 8 % from each other (log-normal), whatever their epochs."""
    rng = random.Random(4)
    hits = 0
    for _ in range(200):
        seen = [sample(100 * rng.lognormvariate(0, 0.08)) for _ in range(rng.randint(1, 8))]
        found = estimate_pace(KEY, seen)
        assert found is not None
        hits += found.low_s <= 100 * rng.lognormvariate(0, 0.08) <= found.high_s
    assert 150 <= hits <= 186, hits
