"""What people write, and what it means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.errors import (
    BerthError,
    InvalidRunSpec,
    UnknownCommand,
    UnknownReservation,
    UnreadableRequest,
    UnreadableTime,
)
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TASKS, TrainingSpec, task_of_model
from bot.slack.blocks.help import EXAMPLES
from bot.slack.carried_request import request_from_value, request_to_value
from bot.slack.command_text import format_reserve_command
from bot.slack.grammar import (
    SUB_COMMANDS,
    CancelWish,
    parse_cancel,
    parse_command,
    parse_reserve,
    unescape,
)
from bot.slack.reading import NOTE_CHARS

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday, noon in Paris."""
DEFAULTS = TrainingSpec(model="yolo11n.pt", data="coco8.yaml")
H = timedelta(hours=1)


def read(text: str, now: datetime = NOW, tz: ZoneInfo = PARIS) -> ReserveRequest:
    return parse_reserve(text, now=now, tz=tz, run_defaults=DEFAULTS)


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "count", "start", "length"),
    [
        ("1 now 2h", 1, None, 2 * H),
        ("now 2h", 1, None, 2 * H),
        ("2x now 4h", 2, None, 4 * H),
        ("x2 now 4h", 2, None, 4 * H),
        ("4 gpus at 18:00 for 8 hours", 4, at(23, 18), 8 * H),
        ("4GPUs now 90m", 4, None, 1.5 * H),
        ("1 now 2h30m", 1, None, 2.5 * H),
        ("1 now 2 h 30 min", 1, None, 2.5 * H),
        ("1 now 30 min", 1, None, 0.5 * H),
        ("1 now 1d", 1, None, 24 * H),
        ("8h 2 tomorrow 18:00", 2, at(24, 18), 8 * H),
        ("4 tomorrow at 6pm 8h", 4, at(24, 18), 8 * H),
        ("1 18:00 2h", 1, at(23, 18), 2 * H),
        ("1 09:00 2h", 1, at(24, 9), 2 * H),
        ("1 12:00 2h", 1, at(23, 12), 2 * H),
        ("1 noon 2h", 1, at(23, 12), 2 * H),
        ("1 midnight 2h", 1, at(24, 0), 2 * H),
        ("1 9 pm 2h", 1, at(23, 21), 2 * H),
        ("1 mon 09:00 2h", 1, at(30, 9), 2 * H),
        ("1 mon 20:00 2h", 1, at(23, 20), 2 * H),
        ("1 next mon 20:00 2h", 1, at(30, 20), 2 * H),
        ("1 wednesday 20:00 2h", 1, at(25, 20), 2 * H),
        ("wed 20:00-08:00", 1, at(25, 20), 12 * H),
        ("wed 20:00 - 08:00", 1, at(25, 20), 12 * H),
        ("wed 20:00 to thu 21:00", 1, at(25, 20), 25 * H),
        ("20:00-22:00 tomorrow", 1, at(24, 20), 2 * H),
        ("from 18:00 to 20:00 on fri", 1, at(27, 18), 2 * H),
        ("20:00-24:00", 1, at(23, 20), 4 * H),
        ("6-8pm", 1, at(23, 18), 2 * H),
        ("until fri 9am", 1, None, 93 * H),
        ("2 tomorrow 18:00 until 9am", 2, at(24, 18), 15 * H),
        ("1 2026-12-01 18:00 2h", 1, at(1, 18, month=12), 2 * H),
        ("1 2026-12-01T18:00 2h", 1, at(1, 18, month=12), 2 * H),
        ("1 2026-12-01T18:00Z 2h", 1, datetime(2026, 12, 1, 18, tzinfo=UTC), 2 * H),
        ("1 1.12. 18:00 2h", 1, at(1, 18, month=12), 2 * H),
        ("1 24 dec 18:00 2h", 1, at(24, 18, month=12), 2 * H),
        ("1 dec 24th 6pm 2h", 1, at(24, 18, month=12), 2 * H),
        ("1 day after tomorrow 10:00 2h", 1, at(25, 10), 2 * H),
        ("1 in 3 hours 4h", 1, at(23, 15), 4 * H),
        ("1 in 3 days at 18:00 4h", 1, at(26, 18), 4 * H),
        ("0 now 2h", 0, None, 2 * H),
        ("1000 now 2h", 1000, None, 2 * H),
        ("1 today 10:00 2h", 1, at(23, 10), 2 * H),
    ],
)
def test_times_and_lengths(
    text: str, count: int, start: datetime | None, length: timedelta
) -> None:
    request = read(text)
    assert (request.gpu_count, request.start, request.length) == (count, start, length)
    assert request.run is None
    assert request.note == ""


def test_a_past_date_stays_in_the_past_for_the_service_to_refuse() -> None:
    start = read("1 2026-11-20 10:00 2h").start
    assert start is not None
    assert start < NOW


def test_the_line_of_the_mission() -> None:
    request = read("4 tomorrow 18:00 8h p1 yolov8l release")
    assert request == ReserveRequest(
        length=8 * H,
        gpu_count=4,
        start=at(24, 18),
        priority=Priority.P1,
        run=replace(DEFAULTS, model="yolov8l"),
        note="release",
    )


def test_gpus_by_name() -> None:
    request = read("gpu3,gpu4@host2 wed 20:00 8h")
    assert request.gpu_names == ("gpu3", "gpu4@host2")
    assert request.gpu_count == 2


MODELS = ("NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 4090", "Tesla T4")


@pytest.mark.parametrize(
    ("text", "count", "kind"),
    [
        ("4xA100 now 2h", 4, "A100"),
        ("2 x h100 now 2h", 2, "h100"),
        ("2 X H100, now 2h", 2, "H100"),
        ("2 a100 gpus now 2h", 2, "a100"),
        ("now 2h rtx4090", 1, "rtx4090"),
        ("t4 now 2h 3", 3, "t4"),
        ("v100 now 2h", 1, "v100"),
        ("now 2h v2 release", 1, None),
        ("2x now 2h x", 2, None),
        ("2gpus now 2h", 2, None),
        ('now 2h "a100"', 1, None),
    ],
)
def test_kinds_of_gpus(text: str, count: int, kind: str | None) -> None:
    request = parse_reserve(text, now=NOW, tz=PARIS, run_defaults=DEFAULTS, gpu_models=MODELS)
    assert (request.gpu_count, request.gpu_type) == (count, kind)


@pytest.mark.parametrize(
    ("text", "preemptible"),
    [("now 2h p1 preemptible", True), ("protected now 2h", False), ("now 2h", None)],
)
def test_preemption(text: str, preemptible: bool | None) -> None:
    assert read(text).preemptible is preemptible


def test_a_training_by_arguments() -> None:
    request = read("2 now 4h model=yolo11m data=coco128.yaml epochs=50 imgsz=320 lr0=0.02")
    assert request.run == TrainingSpec(
        "yolo11m", "coco128.yaml", epochs=50, imgsz=320, extra={"lr0": 0.02}
    )


def test_train_alone_takes_the_defaults() -> None:
    assert read("train 2 now 4h").run == DEFAULTS


def test_a_note_in_quotes_may_hold_anything() -> None:
    request = read('2 "batch 4 now p1 model=x" now 4h')
    assert request.note == "batch 4 now p1 model=x"
    assert (request.gpu_count, request.priority, request.run) == (2, None, None)


def test_a_note_may_hold_the_word_payload_and_emoji() -> None:
    assert read("1 now 2h payload 🎉 für Zoë").note == "payload 🎉 für Zoë"


@pytest.mark.parametrize(
    "text", ["banana", "1 banana 2h", "xyzzy", "payload", "25:00 2h", "4 now x"]
)
def test_rubbish_is_no_time(text: str) -> None:
    with pytest.raises(UnreadableTime):
        read(text)


@pytest.mark.parametrize(
    "text", ["31.02.2026 18:00 2h", "2026-13-01 18:00 2h", "13pm 2h", "2026-02-30T18:00 2h"]
)
def test_times_that_do_not_exist(text: str) -> None:
    with pytest.raises(UnreadableTime):
        read(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4", "start and a length"),
        ("4 now", "length"),
        ("4 2h", "start"),
        ("4 wed 2h", "time of day"),
        ("4 5 now 2h", "one number"),
        ("4 gpu1 now 2h", "not both"),
        ("p0 p1 now 2h", "one priority"),
        ("now 2h 3h", "one length"),
        ("now 2h tomorrow 18:00", "one start"),
        ("now 2h until 9am", "not both"),
        ("tomorrow 18:00 until today 9am", "end after the start"),
        ("gpu1;gpu2 now 2h", "GPU names"),
        ("a100 h100 now 2h", "one type"),
        ("gpu1 h100 now 2h", "one type"),
        ("h100 gpu1 now 2h", "not both"),
        ("now 2h model=yolo11n yolo11m", "`model` once"),
        ("now 2h " + "x" * 301, "at most 300"),
    ],
)
def test_what_is_missing_or_too_much_is_said(text: str, wanted: str) -> None:
    with pytest.raises(UnreadableRequest) as caught:
        read(text)
    assert wanted in caught.value.wanted


@pytest.mark.parametrize("text", ["now 2h yolov99z", "now 2h foo=1", "now 2h epochs=many"])
def test_faults_of_a_training(text: str) -> None:
    with pytest.raises(InvalidRunSpec):
        read(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("", "")),
        ("  ", ("", "")),
        ("reserve 1 now 2h", ("reserve", "1 now 2h")),
        ("BOOK", ("reserve", "")),
        ("release R12", ("cancel", "R12")),
        ("status", ("status", "")),
    ],
)
def test_sub_commands(text: str, found: tuple[str, str]) -> None:
    assert parse_command(text) == found


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("resrve 1", "reserve"),
        ("stauts", "status"),
        ("4 now 2h", "reserve"),
        ("gpu3 now 2h", "reserve"),
        ("🎉", None),
        ("xyzzy", None),
    ],
)
def test_unknown_sub_commands_name_the_nearest(text: str, nearest: str | None) -> None:
    with pytest.raises(UnknownCommand) as caught:
        parse_command(text)
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", CancelWish(None, "")),
        ("R12", CancelWish(12, "")),
        ("#12 demo moved", CancelWish(12, "demo moved")),
        ("12, no need", CancelWish(12, "no need")),
    ],
)
def test_cancel(text: str, wish: CancelWish) -> None:
    assert parse_cancel(text) == wish


@pytest.mark.parametrize("text", ["banana", "R", "R99999999999999999999", "-1"])
def test_cancel_of_what_is_no_number(text: str) -> None:
    with pytest.raises(UnknownReservation):
        parse_cancel(text)


def test_entities_of_slack_are_undone_once() -> None:
    assert unescape("a &lt;b&gt; &amp;amp;") == "a <b> &amp;"


def test_every_example_of_the_help_can_be_read() -> None:
    for text in EXAMPLES:
        name, rest = parse_command(text.removeprefix("/gpu "))
        assert name == "reserve"
        assert read(rest).length > timedelta()


WORDS = st.sampled_from(
    [
        "4",
        "now",
        "2h",
        "wed",
        "20:00",
        "-",
        "until",
        "p1",
        "train",
        "gpu1",
        "gpu",
        "dec",
        "24",
        "in",
        "next",
        "day",
        "after",
        "tomorrow",
        "at",
        "9am",
        "model=x",
        "yolo11n",
        '"',
        "\\",
        "2026-12-01",
        "payload",
        "🎉",
        "=",
        "99999w",
        "25:00",
        "to",
        "for",
        "min",
        "x",
        ",",
        "2026-99-99",
        "a.yaml",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join)))
@example("99999w99999d99999h99999m99999s now")
@example("in 99999w 2h")
@example("in 99999 weeks 9am 2h")
@example('"')
@example("payload=1")
@example("9" * 3000)
@example("now 2h " + "🎉" * 3000)
@example("x " * 1500)
@example("\x00 \ud800 now 2h")
@example("until 24:00 - 24:00")
def test_no_text_raises_anything_but_our_own_errors(text: str) -> None:
    for parse in (read, parse_cancel, parse_command):
        try:
            parse(text)
        except BerthError as error:
            assert len(str(error)) < 4000  # noqa: PT017 - any of our own errors will do


ZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "UTC"])
NAMES = st.from_regex(r"gpu[0-9]{1,2}(@[a-z0-9][a-z0-9.-]{0,10})?", fullmatch=True)
RUNS = st.builds(
    TrainingSpec,
    model=st.sampled_from(["yolov8l", "yolo11n.pt", "mine/best.pt", "yolo11n-seg", "tiny.yaml"]),
    data=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}(/[a-z0-9]{1,9})?\.yaml", fullmatch=True),
    epochs=st.integers(1, 10_000),
    imgsz=st.integers(32, 4096),
    batch=st.integers(1, 4096),
    seed=st.integers(0, 2**31 - 1),
    extra=st.fixed_dictionaries(
        {},
        optional={
            "lr0": st.floats(1e-7, 1.0),
            "patience": st.integers(0, 10_000),
            "cos_lr": st.booleans(),
        },
    ),
    task=st.sampled_from(TASKS),
).map(lambda spec: replace(spec, task=task_of_model(spec.model) or spec.task))
TYPES = st.one_of(
    st.sampled_from(["a100", "A100-SXM4-80GB", "rtx4090", "H100-80GB-HBM3", "TITAN-V", "x1"]),
    st.from_regex(r"[A-Za-z]{2,6}[0-9]{1,4}(-[a-z0-9]{1,5})?", fullmatch=True),
)
NOTES = st.text(max_size=NOTE_CHARS).map(str.strip)


@st.composite
def requests(draw: st.DrawFn) -> ReserveRequest:
    names = tuple(draw(st.lists(NAMES, max_size=4)))
    start = draw(
        st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds must be naive
    )
    return ReserveRequest(
        length=timedelta(seconds=draw(st.integers(1, 30 * 86400))),
        gpu_count=len(names) or draw(st.integers(0, 1000)),
        gpu_names=names,
        gpu_type=None if names else draw(st.none() | TYPES),
        start=start,
        priority=draw(st.none() | st.sampled_from(Priority)),
        preemptible=draw(st.sampled_from([None, True, False])),
        run=draw(st.none() | RUNS),
        note=draw(NOTES),
    )


@settings(max_examples=400, deadline=None)
@given(requests(), ZONES)
@example(ReserveRequest(length=H, note='a "b" \\ “c” p1 now'), "Europe/Paris")
@example(ReserveRequest(length=H, start=datetime(2026, 10, 25, 0, 30, tzinfo=UTC)), "Europe/Paris")
@example(ReserveRequest(length=H, start=datetime(2026, 10, 25, 1, 30, tzinfo=UTC)), "Europe/Paris")
def test_what_is_printed_as_a_command_reads_back_the_same(
    request: ReserveRequest, zone_name: str
) -> None:
    tz = ZoneInfo(zone_name)
    printed = format_reserve_command(request, tz)
    name, rest = parse_command(printed.removeprefix("/gpu "))
    assert name == "reserve"
    assert read(rest, tz=tz) == request


@settings(max_examples=200, deadline=None)
@given(requests())
def test_what_a_button_carries_comes_back_the_same(request: ReserveRequest) -> None:
    value = request_to_value(request)
    assert len(value) <= 2000
    assert request_from_value(value, request_key="k") == replace(request, request_key="k")


@pytest.mark.parametrize("value", ["", "{}", "[]", "null", '{"v":2}', '{"v":1,"n":"x"}', "\x00"])
def test_a_button_of_another_release_is_unreadable(value: str) -> None:
    with pytest.raises(UnreadableRequest):
        request_from_value(value, request_key=None)


def test_every_alias_means_a_sub_command() -> None:
    assert set(SUB_COMMANDS.values()) <= set(SUB_COMMANDS)
