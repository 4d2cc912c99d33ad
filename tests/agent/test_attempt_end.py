"""Ends are recorded, never guessed from an exit code alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.agent.attempt_end import EndFacts, explain_end
from bot.agent.trainer_contract import Ended
from bot.protocol.messages import EndCause, StopReason

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
SILENT = EndFacts(
    said=None, stop=None, killed_by_agent=False, exit_code=None, same_boot=True, grace_s=120
)


def said(cause: EndCause) -> Ended:
    return Ended(at=AT, cause=cause, detail="its own words")


@pytest.mark.parametrize("cause", [cause for cause in EndCause if cause is not EndCause.STOPPED])
def test_the_trainers_word_counts(cause: EndCause) -> None:
    facts = replace(SILENT, said=said(cause), stop=StopReason.PREEMPTED, exit_code=0)
    assert explain_end(facts) == (cause, "its own words")


@pytest.mark.parametrize(
    ("stop", "cause"),
    [
        (StopReason.REQUESTED, EndCause.STOPPED),
        (StopReason.PREEMPTED, EndCause.STOPPED),
        (StopReason.EXPIRED, EndCause.EXPIRED),
        (None, EndCause.KILLED),  # a signal from elsewhere: nobody wanted it to stop
    ],
)
def test_why_it_was_stopped_is_the_agents_to_say(stop: StopReason | None, cause: EndCause) -> None:
    assert explain_end(replace(SILENT, said=said(EndCause.STOPPED), stop=stop))[0] is cause


@pytest.mark.parametrize(
    ("facts", "cause", "words"),
    [
        (replace(SILENT, exit_code=0), EndCause.CRASHED, "status 0"),
        (replace(SILENT, exit_code=1), EndCause.CRASHED, "status 1"),
        (SILENT, EndCause.CRASHED, "left no word"),
        (replace(SILENT, exit_code=-9), EndCause.KILLED, "SIGKILL"),
        (
            replace(SILENT, exit_code=-9, oom_kills=1),
            EndCause.KILLED,
            "memory of the host was full",
        ),
        (replace(SILENT, exit_code=-9, oom_kills=0), EndCause.KILLED, "somebody on the host"),
        (replace(SILENT, oom_kills=2), EndCause.CRASHED, "memory of the host was full"),
        (replace(SILENT, exit_code=-7), EndCause.KILLED, "try workers=0"),
        (replace(SILENT, exit_code=-11), EndCause.KILLED, "SIGSEGV"),
        (replace(SILENT, exit_code=-99), EndCause.KILLED, "signal 99"),
        (replace(SILENT, same_boot=False), EndCause.HOST_LOST, "restarted"),
    ],
)
def test_a_trainer_that_left_no_word(facts: EndFacts, cause: EndCause, words: str) -> None:
    found, detail = explain_end(facts)
    assert found is cause
    assert words in detail


@pytest.mark.parametrize(
    ("stop", "killed", "exit_code", "cause"),
    [
        (StopReason.REQUESTED, True, -9, EndCause.KILLED),
        (StopReason.EXPIRED, True, -9, EndCause.EXPIRED),
        (StopReason.REQUESTED, False, -15, EndCause.STOPPED),
        (StopReason.EXPIRED, False, -15, EndCause.EXPIRED),
        (StopReason.PREEMPTED, False, None, EndCause.STOPPED),
        (StopReason.PREEMPTED, False, -11, EndCause.KILLED),
        (StopReason.PREEMPTED, False, 3, EndCause.CRASHED),
    ],
)
def test_a_trainer_that_left_no_word_while_stopping(
    stop: StopReason, killed: bool, exit_code: int | None, cause: EndCause
) -> None:
    facts = replace(SILENT, stop=stop, killed_by_agent=killed, exit_code=exit_code)
    assert explain_end(facts)[0] is cause


def test_warnings_are_told_with_the_end() -> None:
    facts = replace(SILENT, said=said(EndCause.SUCCEEDED), warnings=("The batch was halved.",))
    assert explain_end(facts)[1] == "its own words Noted on the way: The batch was halved."


def test_a_detail_is_never_too_long_for_the_wire() -> None:
    facts = replace(SILENT, said=said(EndCause.CRASHED), warnings=("x" * 900,) * 5)
    assert len(explain_end(facts)[1]) == 2000
