"""A run that was interrupted ends as one that was not, to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.trainer_contract import CheckpointSaved, EpochFinished
from bot.protocol.messages import EndCause
from tests.support.trainings import STOP_IN_EPOCH, Attempt, MakeAttempt

pytestmark = pytest.mark.training

Figures = dict[int, tuple[dict[str, float], dict[str, float]]]


def figures(*attempts: Attempt) -> Figures:
    """Return losses and metrics by epoch; of an epoch trained twice, those that counted."""
    return {
        event.progress.epoch: (event.progress.losses, event.progress.metrics)
        for attempt in attempts
        for event in attempt.events()
        if isinstance(event, EpochFinished)
    }


def checkpoint(attempt: Attempt) -> str:
    return [e for e in attempt.events() if isinstance(e, CheckpointSaved)][-1].path


def test_a_stopped_and_resumed_run_has_the_losses_and_metrics_of_one_that_was_not(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    # Gradients are gathered over 8 batches, an epoch has 4: the stop falls between two steps. The
    # last epoch closes the mosaic.
    same = {"epochs": 5, "seed": 3, "extra": {"close_mosaic": 1, "mixup": 0.3}}
    whole = attempt("whole", run_dir=str(tmp_path / "whole-run"), **same)
    expected = whole.run()
    first = attempt("first", run_dir=str(tmp_path / "first-run"), **same)
    assert first.run(fault=STOP_IN_EPOCH.format(index=3)).cause is EndCause.STOPPED
    assert first.epochs() == [1, 2, 3]
    # Another host: nothing but the one file of the checkpoint has come along.
    moved = tmp_path / "moved.pt"
    moved.write_bytes(Path(checkpoint(first)).read_bytes())
    second = attempt("second", run_dir=str(tmp_path / "second-run"), resume_from=str(moved), **same)
    ended = second.run()
    assert figures(first, second) == figures(whole)
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5)
    assert ended.metrics == expected.metrics
    tables = [
        [line.split(",")[2:] for line in (tmp_path / run / "results.csv").read_text().splitlines()]
        for run in ("whole-run", "second-run")
    ]
    assert tables[0] == tables[1]
