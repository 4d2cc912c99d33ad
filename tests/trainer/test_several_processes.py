"""Two processes train as one, for real, over gloo on the CPU: together to the end or none."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.agent.trainer_contract import CheckpointSaved, EpochFinished, TrainStarted
from bot.protocol.messages import EndCause
from tests.support.trainings import DEADLINE_S, Attempt, MakeAttempt, figures

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]

PAIR: dict[str, Any] = {"cpu_ranks": 2, "epochs": 3, "extra": {"plots": False, "patience": 0}}


def ranks_of(attempt: Attempt) -> list[psutil.Process]:
    children = psutil.Process(attempt.started[0].pid).children(recursive=True)
    return [child for child in children if "--rank" in child.cmdline()]


def gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + 10
    while any(one.is_running() and one.status() != "zombie" for one in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_two_processes_stop_together_and_resume_to_the_end(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    whole = attempt("whole", run_dir=str(tmp_path / "whole-run"), **PAIR)
    expected = whole.run()
    first = attempt("first", run_dir=str(tmp_path / "first-run"), **PAIR)
    process = first.start()
    first.wait_for(EpochFinished)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(DEADLINE_S)
    ended = first.ended()
    assert (ended.cause, process.returncode) == (EndCause.STOPPED, 75), first.log()
    done = first.epochs()
    assert done == list(range(1, ended.epochs_done + 1)), "each epoch is told once"
    assert 1 <= ended.epochs_done < 3
    started = [event for event in first.events() if isinstance(event, TrainStarted)]
    assert [event.device for event in started] == ["2 x cpu"]

    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)][-1]
    assert saved.epoch == ended.epochs_done
    second = attempt("second", resume_from=saved.path, **PAIR)
    again = second.run()
    assert (again.cause, again.epochs_done) == (EndCause.SUCCEEDED, 3), second.log()
    assert second.epochs() == list(range(ended.epochs_done + 1, 4))
    assert "weights/best.pt" in again.artifacts
    assert figures(first, second) == figures(whole), "as if it had never been stopped"
    assert again.metrics == expected.metrics


def test_when_one_process_is_killed_the_other_is_ended_and_the_cause_told(
    attempt: MakeAttempt,
) -> None:
    one = attempt(**PAIR | {"epochs": 50})
    process = one.start()
    one.wait_for(EpochFinished)
    both = ranks_of(one)
    assert len(both) == 2
    both[1].kill()
    process.wait(DEADLINE_S)
    ended = one.ended()
    assert ended.cause is EndCause.KILLED, ended
    assert ended.detail.startswith("The process of GPU 1 was killed by SIGKILL.")
    assert gone(both)
    assert [event for event in one.events() if isinstance(event, CheckpointSaved)]
