"""Every way in which a training fails has its likely cause and a next step."""

from __future__ import annotations

import pytest

from bot.domain.notices import RunEnded
from bot.domain.run_arguments import EXTRA_ARGUMENTS
from bot.domain.states import RunState
from bot.protocol.messages import EndCause
from bot.sandbox.block_kit_rules import message_problems
from bot.slack.blocks.end_words import ADVICE, advice
from bot.slack.blocks.notices import notice_message

NO_FAILURE = {EndCause.SUCCEEDED, EndCause.STOPPED, EndCause.EXPIRED}


def ended(cause: str, state: str = RunState.FAILED, **more: int) -> RunEnded:
    return RunEnded(12, 7, state, cause, "what happened", ("last line",), **more)  # type: ignore[arg-type] # by name


def test_every_failure_has_one_and_no_other_end_has() -> None:
    assert set(ADVICE) == set(EndCause) - NO_FAILURE


@pytest.mark.parametrize("cause", sorted(ADVICE))
def test_it_stands_in_the_thread_with_the_last_lines(cause: EndCause) -> None:
    state = RunState.HOST_LOST if cause is EndCause.HOST_LOST else RunState.FAILED
    card = notice_message(ended(cause, state))
    text = str(card.blocks)
    assert ADVICE[cause] in text
    assert "last line" in text
    assert message_problems(list(card.blocks)) == []


def test_where_it_is_known_which_batch_fits_that_is_said_once() -> None:
    told = ended(EndCause.OUT_OF_MEMORY, batch=32, batch_that_fits=12)
    text = str(notice_message(told).blocks)
    assert "batch 12" in text
    assert ADVICE[EndCause.OUT_OF_MEMORY] not in text


def test_ends_that_were_asked_for_and_unknown_ones_need_no_advice() -> None:
    assert advice(ended(EndCause.STOPPED, RunState.STOPPED)) == ""
    assert advice(ended(EndCause.KILLED, RunState.PREEMPTED)) == ""
    assert advice(ended("of a newer release")) == ""


def test_arguments_that_are_named_can_be_given() -> None:
    named = {"lr0", "warmup_epochs", "amp", "workers"}
    assert named <= set(EXTRA_ARGUMENTS)
    if "cache" not in EXTRA_ARGUMENTS:
        assert "cache" not in str(ADVICE)
