"""``/gpu plan …``: words in any order, nothing guessed."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import InvalidRunSpec, UnreadableRequest, UnreadableTime
from bot.domain.planning import PlanRequest
from bot.domain.priority import Priority
from bot.domain.run_spec import TrainingSpec
from bot.slack.plan_grammar import parse_plan
from tests.strategies import MODEST

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
DEFAULTS = TrainingSpec(model="yolo11n", data="shapes/data.yaml", epochs=5, imgsz=640, batch=16)
FRIDAY_9 = datetime(2026, 11, 27, 8, tzinfo=UTC)


def read(text: str) -> PlanRequest:
    return parse_plan(
        text, now=NOW, tz=PARIS, run_defaults=DEFAULTS, gpu_models=("NVIDIA A100-SXM4-80GB",)
    )


WHOLE = PlanRequest(
    TrainingSpec(model="yolov8l", data="coco.yaml", epochs=100, imgsz=640, batch=16),
    gpu_count=4,
    deadline=FRIDAY_9,
)


@pytest.mark.parametrize(
    "text",
    [
        "yolov8l coco.yaml 100 epochs 4 gpus by fri 9am",
        "train yolov8l on coco.yaml for 100 epochs with 4 gpus before friday 09:00",
        "yolov8l.pt, data=coco.yaml, epochs=100, gpus=4, by fri 9am",
        "4gpus 100ep YOLOv8l coco.yaml until fri 9am please",
        "by fri 9am yolov8l coco.yaml epochs 100 4 gpus",
    ],
)
def test_the_same_in_many_words(text: str) -> None:
    found = read(text)
    assert found.run.model in ("yolov8l", "yolov8l.pt")
    assert (found.run.data, found.run.epochs) == ("coco.yaml", 100)
    assert (found.gpu_count, found.deadline) == (4, FRIDAY_9)


def test_the_order_of_the_parts_does_not_matter() -> None:
    parts = ("yolov8l", "coco.yaml", "100 epochs", "4 gpus", "by fri 9am")
    for order in permutations(parts):
        assert read(" ".join(order)) == WHOLE


def test_types_sizes_and_the_rest() -> None:
    found = read("yolo11m-seg leaves.yaml 2xA100 imgsz 960 batch=32 p1 from tomorrow 8:00")
    assert (found.gpu_count, found.gpu_type) == (2, "A100")
    assert (found.run.imgsz, found.run.batch, found.run.task) == (960, 32, "segment")
    assert found.priority is Priority.P1
    assert found.not_before == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert read("yolo11m 640px 3 a100 gpus").gpu_count == 3
    assert read("a100").gpu_type == "a100"
    assert read("").run == DEFAULTS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yolov8l banana", "banana"),
        ("yolov8l by", "by"),
        ("yolov8l by banana", "banana"),
        ("4 gpus 2 gpus", "2"),
        ("100 epochs 50 epochs", "epochs"),
        ("by fri 9am by sat 9am", "one deadline"),
        ("by today 8:00", "lies ahead"),
    ],
)
def test_what_fits_nowhere_is_named(text: str, says: str) -> None:
    with pytest.raises(UnreadableRequest) as error:
        read(text)
    assert says in f"{error.value.text} {error.value.wanted}"


def test_a_model_that_there_is_not() -> None:
    with pytest.raises(InvalidRunSpec):
        read("yolov99q coco.yaml")


@MODEST
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UnreadableRequest, UnreadableTime, InvalidRunSpec):
        read(text)
