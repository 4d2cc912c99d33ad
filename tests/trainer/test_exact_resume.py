"""A run that was interrupted ends as one that was not, to the last digit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from bot.agent.trainer_contract import CheckpointSaved
from bot.protocol.messages import EndCause
from tests.support.trainings import STOP_IN_EPOCH, Attempt, MakeAttempt, build_attempt, figures

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]

# Gradients are gathered over 8 batches and an epoch has 4, so that every other epoch ends between
# two steps. The last epoch closes the mosaic.
SAME: dict[str, Any] = {"epochs": 5, "seed": 3, "extra": {"close_mosaic": 1, "mixup": 0.3}}

# Ultralytics sets workers to 0 on the CPU; on GPUs there are some, which run on between epochs.
TWO_WORKERS = """
def with_workers(reporter, arguments):
    trainer = patched(reporter, arguments)
    trainer.args.workers = 2
    return trainer
train._make_trainer = with_workers
"""
KILL_IN_EPOCH = (
    "if trainer.epoch == {index} and number % 4 == 2: os.kill(os.getpid(), signal.SIGKILL)"
)
KILL_WHILE_WRITING = """
from bot.agent.trainer import exact_state
import torch
real_save = torch.save
def save(content, file, *more, **named):
    if isinstance(content, dict) and content.get("berth", {}).get("epoch") == 2:
        file.write(b"PK" * 5000)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return real_save(content, file, *more, **named)
torch.save = save
"""
KILL_BETWEEN_TWO_NAMES = """
from bot.agent.trainer import checkpoints
real_keep_as = checkpoints._keep_as
saves = []
def keep_as(last, previous):
    real_keep_as(last, previous)
    saves.append(last)
    if len(saves) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoints._keep_as = keep_as
"""


def table(run_dir: Path) -> list[list[str]]:
    """Return results.csv without its second column, the time."""
    rows = [line.split(",") for line in (run_dir / "results.csv").read_text().splitlines()]
    return [[row[0], *row[2:]] for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data_yaml: Path) -> Attempt:
    """Return the run that nothing disturbs."""
    one = build_attempt(tmp_path_factory.mktemp("whole"), "attempt", data_yaml, **SAME)
    ended = one.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5)
    return one


def test_a_stopped_run_goes_on_elsewhere_with_the_same_losses_and_metrics(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    whole = attempt("whole", run_dir=str(tmp_path / "whole-run"), **SAME)
    really = "assert trainer.train_loader.num_workers == 2"
    assert whole.run(fault=really, more=TWO_WORKERS).cause is EndCause.SUCCEEDED, whole.log()
    first = attempt("first", run_dir=str(tmp_path / "first-run"), **SAME)
    stop = STOP_IN_EPOCH.format(index=3)
    assert first.run(fault=stop, more=TWO_WORKERS).cause is EndCause.STOPPED
    assert first.epochs() == [1, 2, 3]
    # Another host: nothing but the one file of the checkpoint has come along.
    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)][-1]
    moved = tmp_path / "moved.pt"
    moved.write_bytes(Path(saved.path).read_bytes())
    second = attempt("second", run_dir=str(tmp_path / "second-run"), resume_from=str(moved), **SAME)
    ended = second.run(more=TWO_WORKERS)
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5)
    assert figures(first, second) == figures(whole)
    assert ended.metrics == whole.ended().metrics
    assert table(second.run_dir) == table(whole.run_dir)


def test_a_run_that_is_killed_three_times_ends_the_same(
    attempt: MakeAttempt, whole: Attempt
) -> None:
    """In mid-epoch, while a checkpoint is written, and between its two names."""
    kills: list[dict[str, str]] = [
        {"fault": KILL_IN_EPOCH.format(index=1)},
        {"more": KILL_WHILE_WRITING},
        {"more": KILL_BETWEEN_TWO_NAMES},
    ]
    made: list[Attempt] = []
    for number, kill in enumerate(kills):
        last = str(made[-1].run_dir / "resume" / "last.pt") if made else None
        made.append(attempt(f"number-{number}", resume_from=last, **SAME))
        made[-1].start(**kill).wait()
        assert made[-1].started[0].returncode == -signal.SIGKILL, made[-1].log()
    assert [one.epochs() for one in made] == [[1], [2], [3]]
    final = attempt("final", resume_from=str(made[0].run_dir / "resume" / "last.pt"), **SAME)
    ended = final.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5), final.log()
    assert final.epochs() == [4, 5]
    assert figures(*made, final) == figures(whole)
    assert table(final.run_dir) == table(whole.run_dir)


def test_with_another_batch_it_goes_on_from_the_same_weights(
    attempt: MakeAttempt, whole: Attempt, tmp_path: Path
) -> None:
    """As after running out of memory: the optimizer must step at once, wherever it was."""
    kept = tmp_path / "kept.pt"
    kept.write_bytes((whole.run_dir / "resume" / "last.pt").read_bytes())
    stepped = "if number == 2: assert trainer.last_step == 4 * len(trainer.train_loader)"
    one = attempt(resume_from=str(kept), batch=16, **SAME)
    ended = one.run(fault=stepped)
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 5), one.log()
    assert one.epochs() == [5]
