"""What people write after ``/gpu train``, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import (
    InvalidRunSpec,
    UnknownReservation,
    UnreadableRequest,
    UnreadableTime,
)
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TASKS, TrainingSpec, task_of_model
from bot.domain.templates import TemplateView
from bot.slack.doubts import Understood
from bot.slack.train_grammar import (
    SameWish,
    TemplateVerb,
    TemplateWish,
    TrainDraft,
    format_train_command,
    parse_same,
    parse_template,
    read_train,
    split_words,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday, noon in Paris."""
DEFAULTS = TrainingSpec(model="yolo11n.pt", data="coco8.yaml")
H = timedelta(hours=1)
RELEASE = TemplateView(
    1,
    "yolo-release",
    "vision",
    TrainingSpec("yolov8l", "coco.yaml", epochs=300, batch=64, extra={"lr0": 0.01}),
    4,
    "U0BOB",
    NOW,
)


def read(
    text: str, template: TemplateView | None = None, tz: ZoneInfo = PARIS
) -> Understood | TrainDraft:
    words = split_words(text)
    return read_train(
        words, template=template, now=NOW, tz=tz, run_defaults=DEFAULTS, gpu_models=("A100",)
    )


def booked(text: str, template: TemplateView | None = None, tz: ZoneInfo = PARIS) -> ReserveRequest:
    found = read(text, template, tz)
    assert isinstance(found, Understood), found
    return found.request


def test_the_runs_words_and_the_bookings_words_in_one_line() -> None:
    line = (
        "yolov8l data=coco.yaml epochs=100 imgsz=960 batch=32 seed=1 lr0=0.001"
        " on 2xA100 tomorrow 18:00 8h p1"
    )
    assert booked(line) == ReserveRequest(
        length=8 * H,
        gpu_count=2,
        gpu_type="A100",
        start=datetime(2026, 11, 24, 17, tzinfo=UTC),
        priority=Priority.P1,
        run=TrainingSpec(
            "yolov8l", "coco.yaml", epochs=100, imgsz=960, batch=32, seed=1, extra={"lr0": 0.001}
        ),
    )


@pytest.mark.parametrize(
    ("line", "count", "kind", "names"),
    [
        ("yolov8l on 4 tomorrow 18:00 8h", 4, None, ()),
        ("yolov8l on 4 gpus tomorrow 18:00 8h", 4, None, ()),
        ("tomorrow 18:00 8h on 4 yolov8l", 4, None, ()),
        ("yolov8l on 2 x A100 tomorrow 18:00 8h", 2, "A100", ()),
        ("yolov8l with 2xa100 tomorrow 18:00 8h", 2, "a100", ()),
        (
            "yolov8l on gpu3@host1,gpu4@host1 tomorrow 18:00 8h",
            2,
            None,
            ("gpu3@host1", "gpu4@host1"),
        ),
        ("yolov8l 2 tomorrow 18:00 8h", 2, None, ()),
        ("yolov8l tomorrow 18:00 8h", 1, None, ()),
    ],
)
def test_on_may_stand_before_the_gpus(
    line: str, count: int, kind: str | None, names: tuple[str, ...]
) -> None:
    request = booked(line)
    assert (request.gpu_count, request.gpu_type, request.gpu_names) == (count, kind, names)
    assert request.start == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert request.note == ""


def test_on_may_stand_before_a_day_too() -> None:
    assert booked("yolov8l 2 on friday 18:00 8h").start == datetime(2026, 11, 27, 17, tzinfo=UTC)
    request = booked("yolov8l on 4 on 5 december 18:00 8h")
    assert (request.gpu_count, request.start) == (4, datetime(2026, 12, 5, 17, tzinfo=UTC))


def test_a_template_brings_its_training_and_its_gpus() -> None:
    request = booked("@yolo-release tomorrow 18:00 8h", RELEASE)
    assert (request.run, request.gpu_count) == (RELEASE.spec, 4)
    changed = booked("@yolo-release epochs=10 on 2 tomorrow 18:00 8h p1", RELEASE)
    assert changed.gpu_count == 2
    assert changed.run is not None
    assert (changed.run.epochs, changed.run.model, changed.run.extra) == (
        10,
        "yolov8l",
        {"lr0": 0.01},
    )
    assert split_words("@Yolo-Release now 8h").template == "yolo-release"
    assert split_words("@ 18:00 8h").template is None
    assert split_words("@18:00 8h").template is None


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidRunSpec) as refused:
        read("yolov8z data=../x.yaml epochs=many lr9=1 batch=8 batch=9 on 2 someday 8h")
    assert set(refused.value.problems) == {"model", "data", "epochs", "lr9", "batch", "booking"}
    assert "someday" in refused.value.problems["booking"]
    with pytest.raises(InvalidRunSpec) as two:
        read("@one @two now 8h")
    assert set(two.value.problems) == {"template"}


def test_a_fault_of_the_booking_alone_is_told_as_in_any_booking() -> None:
    with pytest.raises(UnreadableTime):
        read("yolov8l someday 8h")
    with pytest.raises(UnreadableRequest):
        read("yolov8l now 8h 2 3")


def test_what_is_missing_is_left_to_the_form() -> None:
    draft = read("yolov8l coco.yaml epochs=7 on 2xA100 p1")
    assert isinstance(draft, TrainDraft)
    assert draft.spec == TrainingSpec("yolov8l", "coco.yaml", epochs=7)
    assert (draft.gpu_count, draft.gpu_type, draft.priority) == (2, "A100", Priority.P1)
    assert (draft.start, draft.starts_now, draft.length) == (None, False, None)
    partly = read("@yolo-release now", RELEASE)
    assert isinstance(partly, TrainDraft)
    assert (partly.spec, partly.gpu_count, partly.starts_now) == (RELEASE.spec, 4, True)


def test_the_same_again() -> None:
    assert parse_same("again") == SameWish(None)
    assert parse_same("same as last time") == SameWish(None)
    assert parse_same("again R12") == SameWish(12)
    assert parse_same("yolov8l again") is None
    with pytest.raises(UnknownReservation):
        parse_same("again soon")


def test_templates_by_command() -> None:
    assert parse_template("") == TemplateWish(TemplateVerb.LIST)
    assert parse_template("save yolo-release R12") == TemplateWish(
        TemplateVerb.SAVE, "yolo-release", 12
    )
    assert parse_template("delete @yolo-release").name == "@yolo-release"
    for wrong in ("save", "save x", "delete", "delete a b", "what"):
        with pytest.raises(UnreadableRequest):
            parse_template(wrong)


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40).map(
    lambda text: " ".join(text.split())
)
RUNS = st.builds(
    TrainingSpec,
    model=st.sampled_from(["yolov8l", "yolo11n.pt", "yolo11s-seg", "own/best.pt", "own/net.yaml"]),
    data=st.sampled_from(["coco.yaml", "sets/a_b-1/data.yaml", "imagenet10"]),
    epochs=st.integers(1, 10_000),
    imgsz=st.integers(32, 4096),
    batch=st.integers(1, 4096),
    seed=st.integers(0, 2**31 - 1),
    extra=st.fixed_dictionaries(
        {},
        optional={
            "lr0": st.floats(1e-6, 1.0),
            "cos_lr": st.booleans(),
            "optimizer": st.sampled_from(["SGD", "AdamW"]),
            "patience": st.integers(0, 10_000),
        },
    ),
    task=st.sampled_from(TASKS),
).filter(lambda spec: task_of_model(spec.model) in (None, spec.task))
REQUESTS = st.builds(
    ReserveRequest,
    length=st.integers(1, 30 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
    gpu_count=st.integers(1, 99),
    gpu_type=st.sampled_from([None, "a100", "h100-sxm5", "rtx4090"]),
    start=st.none()
    | st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds must be naive
    priority=st.none() | st.sampled_from(Priority),
    preemptible=st.sampled_from([None, True, False]),
    run=RUNS,
    note=WORDS,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(REQUESTS, st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns"]), st.booleans())
def test_what_is_printed_reads_back_the_same(
    request: ReserveRequest, zone_name: str, with_template: bool
) -> None:
    tz = ZoneInfo(zone_name)
    printed = format_train_command(request, tz)
    assert printed.startswith("/gpu train ")
    # A template in mind changes nothing: the line says everything, down to what is left out.
    template = RELEASE if with_template and "lr0" in request.run.extra else None  # type: ignore[union-attr] # every request here has a run
    assert booked(printed.removeprefix("/gpu train "), template, tz) == request


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=80))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except (InvalidRunSpec, UnreadableRequest, UnreadableTime):
        return
