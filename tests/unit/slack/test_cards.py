"""What cards and notices show, and that Slack takes them whatever people have written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock

from bot.domain.notices import ALL_NOTICES, Notice, RunEnded
from bot.domain.priority import Priority
from bot.domain.progress import Progress
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import EndCause
from bot.sandbox.block_kit_rules import MESSAGE_TEXT_IN_BLOCKS_MAX, message_problems, text_in_blocks
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import EXTEND_ACTION
from bot.slack.blocks.handovers import TRANSFER_OPEN_ACTION
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.reservation_card import CANCEL_ACTION, MOST_LINES, reservation_card
from bot.slack.blocks.run_words import CAUSE_WORDS, END_WORDS
from tests.fakes.sample_views import (
    START,
    WINDOW,
    a_reservation,
    a_run,
    sample_notices,
    some_gpus,
)

NOW = START + timedelta(hours=2)
ACTIVE, BOOKED, ENDED = (
    ReservationState.ACTIVE,
    ReservationState.BOOKED,
    ReservationState.ENDED,
)


def text_of(card: Card) -> str:
    """Everything the blocks say."""
    return "\n".join(_texts(card.blocks))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value["text"]
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def lines_of(card: Card) -> list[str]:
    """The lines of text above plot and button."""
    return [
        line
        for block in card.blocks
        if block["type"] == "section"
        for line in block["text"]["text"].split("\n")
    ]


def buttons_of(card: Card) -> list[dict[str, Any]]:
    return [
        element
        for block in card.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def assert_slack_takes(card: Card) -> None:
    """Slack's limits by two oracles: the SDK's models, and the stand-in's own rules."""
    blocks = list(card.blocks)
    assert message_problems(blocks) == []
    assert text_in_blocks(blocks) <= MESSAGE_TEXT_IN_BLOCKS_MAX
    assert 0 < len(card.text) <= 4000
    parsed = SdkBlock.parse_all(blocks)
    assert [block.to_dict() for block in parsed] == blocks


@dataclass(frozen=True)
class Scene:
    """A reservation as it may stand, and what its card must say and offer."""

    name: str
    view: ReservationView
    says: tuple[str, ...]
    button: str | None


def _over(state: RunState, cause: str, **changes: Any) -> ReservationView:
    ended_at = START + timedelta(hours=3)
    run = a_run(state, end_cause=cause, ended_at=ended_at, finishes_at=None, **changes)
    return a_reservation(ENDED, run=run, ended_at=ended_at)


SCENES = [
    Scene(
        "pending",
        a_reservation(ReservationState.PENDING),
        ("R12 · waits for approval", "4 GPUs"),
        "Cancel",
    ),
    Scene(
        "offered",
        a_reservation(ReservationState.OFFERED),
        ("R12 · held for an offer", "4 GPUs"),
        "Cancel",
    ),
    Scene(
        "booked",
        a_reservation(note="for the demo"),
        (
            "R12 · booked",
            "<@U0ALICE>",
            "4 GPUs (NVIDIA A100): gpu0",
            "“for the demo”",
        ),
        "Cancel",
    ),
    Scene(
        "booked with a run",
        a_reservation(run=a_run(RunState.WAITING, epoch=0)),
        ("R12 · booked", "yolov8l on coco128.yaml · 100 epochs", "starts by itself"),
        "Cancel",
    ),
    Scene("active", a_reservation(ACTIVE), ("R12 · active",), "Release"),
    Scene(
        "simulated",
        a_reservation(ACTIVE, simulated=True, gpus=some_gpus(2)),
        ("2 simulated GPUs: gpu0, gpu1 on host1",),
        "Release",
    ),
    Scene(
        "waiting for the host",
        a_reservation(ACTIVE, run=a_run(RunState.WAITING, epoch=0)),
        ("waiting for the host",),
        "Stop & release",
    ),
    Scene(
        "starting",
        a_reservation(ACTIVE, run=a_run(RunState.STARTING, epoch=0)),
        ("R12 · starting",),
        "Stop & release",
    ),
    Scene(
        "starting on a silent host",
        a_reservation(ACTIVE, run=a_run(RunState.STARTING, epoch=0, host_online=False)),
        ("waiting for the host", "starts when it does"),
        "Stop & release",
    ),
    Scene(
        "loading",
        a_reservation(ACTIVE, run=a_run(epoch=0)),
        ("R12 · loading model and data",),
        "Stop & release",
    ),
    Scene(
        "running",
        a_reservation(ACTIVE, run=a_run(), note="release model"),
        (
            "R12 · running",
            "“release model”",
            "████░░░░░░░░ epoch 41/100 · 41 %",
            "mAP50 0.712",
            "loss: box 1.12, cls 0.98, dfl 1.3",
            "about 3 h left, done <!date^",
        ),
        "Stop & release",
    ),
    Scene(
        "running late",
        a_reservation(ACTIVE, run=a_run(finishes_at=WINDOW.end + timedelta(minutes=90))),
        ("1 h 30 min after the end of the window",),
        "Stop & release",
    ),
    Scene(
        "running on a silent host",
        a_reservation(ACTIVE, run=a_run(host_online=False)),
        ("host is silent", "may well go on", "epoch 41 was the last heard of"),
        "Stop & release",
    ),
    Scene(
        "goes on in its second window",
        a_reservation(ReservationState.BOOKED, run=a_run(RunState.WAITING)),
        ("goes on after epoch 41/100 by itself",),
        "Cancel",
    ),
    Scene(
        "tried again",
        a_reservation(ACTIVE, run=a_run(RunState.RETRYING, end_cause="crashed")),
        ("failed, tried again soon", "The trainer crashed", "its newest checkpoint"),
        "Stop & release",
    ),
    Scene("stopping", a_reservation(ACTIVE, run=a_run(RunState.STOPPING)), ("stopping",), None),
    Scene(
        "releasing",
        a_reservation(
            ReservationState.RELEASING, run=a_run(RunState.STOPPING), end_reason="wrong data"
        ),
        ("stopping, saving a checkpoint", "Reason: wrong data"),
        None,
    ),
    Scene(
        "succeeded, GPUs still held",
        a_reservation(ACTIVE, run=a_run(RunState.SUCCEEDED, epoch=100, plot_file_id="F0PLOT")),
        ("R12 · finished", "100/100 epochs", "mAP50 0.712 · mAP50-95 0.5"),
        "Release",
    ),
    Scene(
        "succeeded",
        _over(RunState.SUCCEEDED, "succeeded", epoch=100, plot_file_id="F0PLOT"),
        ("R12 · finished", "100/100 epochs in 2 h 59 min"),
        None,
    ),
    Scene(
        "failed",
        _over(RunState.FAILED, "out_of_memory", end_detail="Batch 64 needs 91 GiB."),
        (
            "R12 · failed",
            "out of GPU memory: Batch 64 needs 91 GiB. · last log lines in the thread",
        ),
        None,
    ),
    Scene("stopped", _over(RunState.STOPPED, "stopped"), ("R12 · stopped", "41/100"), None),
    Scene("expired", _over(RunState.EXPIRED, "expired"), ("at the end of its window",), None),
    Scene(
        "never started",
        _over(RunState.EXPIRED, "expired", epoch=0, started_at=None),
        ("The training never started.",),
        None,
    ),
    Scene("host lost", _over(RunState.HOST_LOST, "host_lost"), ("lost with its host",), None),
    Scene("preempted", _over(RunState.PREEMPTED, "stopped"), ("higher priority",), None),
    Scene(
        "released",
        a_reservation(ENDED, ended_at=NOW, end_reason="done early"),
        ("R12 · released", "Released <!date^", "Reason: done early"),
        None,
    ),
    Scene("over", a_reservation(ENDED, ended_at=WINDOW.end), ("R12 · over",), None),
    Scene(
        "cancelled",
        a_reservation(
            ReservationState.CANCELLED,
            ended_at=NOW,
            end_reason="not needed",
            run=a_run(RunState.CANCELLED, epoch=0),
        ),
        ("R12 · cancelled", "Cancelled <!date^", "Reason: not needed"),
        None,
    ),
]


@pytest.fixture(params=SCENES, ids=lambda scene: scene.name)
def scene(request: pytest.FixtureRequest) -> Scene:
    chosen: Scene = request.param
    return chosen


def test_the_card_says_how_things_stand(scene: Scene) -> None:
    card = reservation_card(scene.view, NOW)
    for words in scene.says:
        assert words in text_of(card)
    assert card.text.startswith("R12 ")


def test_slack_takes_every_card(scene: Scene) -> None:
    assert_slack_takes(reservation_card(scene.view, NOW))


def test_a_card_is_at_most_six_lines(scene: Scene) -> None:
    card = reservation_card(scene.view, NOW)
    assert len(lines_of(card)) <= MOST_LINES
    assert all(line.strip() for line in lines_of(card))


def test_a_button_is_there_only_while_it_does_something(scene: Scene) -> None:
    buttons = buttons_of(reservation_card(scene.view, NOW))
    more = [button for button in buttons if button["action_id"] != CANCEL_ACTION]
    goes_on = scene.view.state in (ReservationState.BOOKED, ReservationState.ACTIVE)
    stops = scene.view.run is not None and scene.view.run.state is RunState.STOPPING
    assert (EXTEND_ACTION in {each["action_id"] for each in more}) is (goes_on and not stops)
    assert (TRANSFER_OPEN_ACTION in {each["action_id"] for each in more}) is (goes_on and not stops)
    buttons = [button for button in buttons if button not in more]
    assert [button["text"]["text"] for button in buttons] == (
        [scene.button] if scene.button else []
    )
    for button in buttons:
        assert (button["action_id"], button["value"]) == (CANCEL_ACTION, "12")
        assert "confirm" in button


def test_every_state_of_a_reservation_has_a_card() -> None:
    assert {scene.view.state for scene in SCENES} == set(ReservationState)
    shown = {scene.view.run.state for scene in SCENES if scene.view.run is not None}
    assert shown == set(RunState)


def test_every_end_and_cause_has_words() -> None:
    assert set(CAUSE_WORDS) == set(EndCause)
    assert set(END_WORDS) == {state for state in RunState if state.is_over}


@pytest.mark.parametrize(
    ("view", "effect"),
    [
        (a_reservation(), "Frees 4 GPUs for the booked 8 h."),
        (
            a_reservation(run=a_run(RunState.WAITING, epoch=0)),
            "Frees 4 GPUs for the booked 8 h. The training does not start.",
        ),
        (a_reservation(ACTIVE, gpus=some_gpus(1)), "Frees 1 GPU for others now."),
        (
            a_reservation(ACTIVE, run=a_run()),
            "Stops epoch 42/100; a checkpoint is saved first. Then frees 4 GPUs.",
        ),
        (
            a_reservation(ACTIVE, run=a_run(epoch=0)),
            "Stops the training before its first epoch is done. Then frees 4 GPUs.",
        ),
    ],
)
def test_the_dialog_names_the_effect(view: ReservationView, effect: str) -> None:
    button = buttons_of(reservation_card(view, NOW))[-1]
    assert button["confirm"]["text"]["text"] == effect


def test_the_plot_is_on_the_card_once_it_is_uploaded() -> None:
    run = a_run(RunState.SUCCEEDED, epoch=100)
    without = reservation_card(a_reservation(ACTIVE, run=run), NOW)
    assert not without.has_image
    run = replace(run, plot_file_id="F0PLOT")
    card = reservation_card(a_reservation(ACTIVE, run=run), NOW)
    (image,) = (block for block in card.blocks if block["type"] == "image")
    assert image["slack_file"] == {"id": "F0PLOT"}
    assert image["alt_text"]
    assert card.without_images() == without


def test_p0_and_p1_say_when_they_are_preemptible() -> None:
    view = a_reservation(priority=Priority.P1, preemptible=True)
    assert "P1, preemptible" in text_of(reservation_card(view, NOW))
    assert "preemptible" not in text_of(reservation_card(a_reservation(), NOW))


def test_nobody_is_mentioned_and_nothing_formatted_by_what_people_write() -> None:
    evil = "<!channel> <@U0BOB> *bold* `code` ~x~ _i_ &lt; <https://evil.example|click>\n> quoted"
    run = a_run(spec=TrainingSpec(model=evil, data=evil))
    for view in (
        a_reservation(note=evil, team_name=evil, holder_name=evil, end_reason=evil),
        a_reservation(ENDED, run=run, note=evil, end_reason=evil, ended_at=NOW),
    ):
        card = reservation_card(view, NOW)
        for text in (text_of(card), card.text):
            assert "<!channel>" not in text
            assert "<@U0BOB>" not in text
            assert "<https" not in text
            assert "*bold*" not in text
            assert "`" not in text
            assert "\n>" not in text
            assert "\n&gt;" not in text


STATES = st.sampled_from(list(ReservationState))
RUN_STATES = st.sampled_from(list(RunState))
WORDS = st.one_of(
    st.text(max_size=200),
    st.text("<>&`*_~@!|#: \n\r\x00\x1b\u202e🙂e", max_size=120).map(lambda text: text * 30),
    st.sampled_from(["&" * 3000, "🙂" * 3000, "<!channel>" * 300, "```" * 1000, "a_" * 1500]),
)
FIGURES = st.floats(allow_nan=True, allow_infinity=True)


@given(
    states=st.tuples(STATES, st.none() | RUN_STATES),
    words=st.lists(WORDS, min_size=8, max_size=8),
    figure=FIGURES,
    epoch=st.integers(0, 10_000),
    host_online=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_slack_takes_the_card_whatever_people_have_written(
    states: tuple[ReservationState, RunState | None],
    words: list[str],
    figure: float,
    epoch: int,
    host_online: bool,
) -> None:
    state, run_state = states
    note, model, data, team, holder, reason, detail, host = words
    run = run_state and a_run(
        run_state,
        spec=TrainingSpec(model=model, data=data, epochs=10_000),
        progress=Progress(epoch, 10_000, timedelta(hours=400)),
        losses={"box_loss": figure},
        metrics={"map50": figure},
        end_cause=team,
        end_detail=detail,
        host_online=host_online,
        plot_file_id="F0PLOT",
    )
    gpus = tuple(
        gpu for index in range(4) for gpu in some_gpus(8, host=f"{host}{index}", model=model)
    )
    view = a_reservation(
        state,
        run=run,
        note=note,
        team_name=team,
        holder_slack_id=holder,
        holder_name=holder,
        gpus=gpus,
        end_reason=reason,
        ended_at=NOW,
    )
    card = reservation_card(view, NOW)
    assert_slack_takes(card)
    assert len(lines_of(card)) <= MOST_LINES


def test_there_is_a_sample_of_every_notice() -> None:
    assert {type(notice) for notice in sample_notices()} == set(ALL_NOTICES)


@pytest.mark.parametrize("notice", sample_notices(), ids=lambda notice: notice.kind)
def test_every_notice_has_words_that_slack_takes(notice: Notice) -> None:
    message = notice_message(notice)
    assert_slack_takes(message)
    assert not notice.reservation_id or "R12" in message.text
    assert "<!channel>" not in text_of(message)


def test_a_notice_without_words_is_a_bug() -> None:
    with pytest.raises(TypeError):
        notice_message(Notice(12))


def test_a_failure_comes_with_its_cause_and_the_end_of_its_log() -> None:
    log = tuple(f"line {number}" for number in range(500))
    notice = RunEnded(12, 7, "failed", "diverged", "The loss became NaN at epoch 4.", log)
    shown = text_of(notice_message(notice))
    assert "the training diverged: The loss became NaN at epoch 4." in shown
    assert "line 499" in shown
    assert "line 479" not in shown


def test_a_success_comes_with_figures_and_without_a_log() -> None:
    log = ("some line",)
    notice = RunEnded(
        12, 7, "succeeded", "succeeded", "", log, {"map50": 0.7123}, 100, 100, duration_s=9000.0
    )
    shown = text_of(notice_message(notice))
    assert "100/100 epochs in 2 h 30 min · mAP50 0.712" in shown
    assert "some line" not in shown


@given(lines=st.lists(WORDS, max_size=40), detail=WORDS, state=WORDS, cause=WORDS)
@settings(max_examples=200, deadline=None)
def test_slack_takes_any_log(lines: list[str], detail: str, state: str, cause: str) -> None:
    notice = RunEnded(12, 7, state, cause, detail, tuple(lines))
    message = notice_message(notice)
    assert_slack_takes(message)
    # Nothing of the log can leave its code block: only the block's own fences are left.
    assert text_of(message).count("`") in (0, 6)
    assert not re.search(r"<[!@#]", text_of(message))
