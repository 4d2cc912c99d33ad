"""Real trainings on the CPU, as the agent starts them: a process, its events, its files.

Faults are injected from outside; see `tests.support.trainings`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.agent.trainer_contract import (
    CheckpointSaved,
    Ended,
    EpochFinished,
    Starting,
    StopRequested,
    TrainerEvent,
    TrainStarted,
)
from bot.protocol.messages import EndCause
from tests.support.trainings import ROOT, STOP_IN_EPOCH, MakeAttempt

pytestmark = pytest.mark.training


def kinds(events: list[TrainerEvent]) -> list[str]:
    return [event.event for event in events]


def test_a_training_succeeds_and_tells_everything_in_order(attempt: MakeAttempt) -> None:
    one = attempt(epochs=3, extra={"plots": True})
    ended = one.run()
    assert one.started[0].returncode == 0
    assert kinds(one.events()) == [
        "starting",
        "train_started",
        "checkpoint_saved",
        "epoch_finished",
        "checkpoint_saved",
        "epoch_finished",
        "epoch_finished",
        "ended",
    ]
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 3)
    assert {"precision", "recall", "map50", "map50_95"} <= ended.metrics.keys()
    assert set(ended.artifacts) == {
        "results.png",
        "results.csv",
        "args.yaml",
        "confusion_matrix.png",
        "weights/best.pt",
        "weights/last.pt",
    }
    started = next(e for e in one.events() if isinstance(e, TrainStarted))
    assert (started.epochs, started.batches_per_epoch, started.train_images) == (3, 4, 32)
    assert (started.device, started.resumed_at_epoch) == ("cpu", None)
    last = [e for e in one.events() if isinstance(e, EpochFinished)][-1].progress
    assert (last.epoch, last.epochs) == (3, 3)
    assert last.epoch_s > 0
    assert {"box_loss", "cls_loss", "dfl_loss"} == last.losses.keys()
    assert {"precision", "recall", "map50", "map50_95"} <= last.metrics.keys()
    # Neither the user's home nor the working folder is written to.
    assert list((one.folder / "home").iterdir()) == []
    assert {path.name for path in one.folder.iterdir()} == {
        "job.json",
        "events.jsonl",
        "log",
        "home",
        "cache",
    }


def test_a_stopped_training_resumes_to_the_same_number_of_epochs(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    first = attempt("first", epochs=4)
    ended = first.run(fault=STOP_IN_EPOCH.format(index=2))
    assert first.started[0].returncode == 75
    assert (ended.cause, ended.epochs_done) == (EndCause.STOPPED, 2)
    assert kinds(first.events())[-2:] == ["stop_requested", "ended"]
    assert first.epochs() == [1, 2]
    saved = [e for e in first.events() if isinstance(e, CheckpointSaved)]
    assert [event.epoch for event in saved] == [1, 2]

    second = attempt("second", epochs=4, resume_from=saved[-1].path)
    ended = second.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 4)
    assert second.epochs() == [3, 4]
    started = next(e for e in second.events() if isinstance(e, TrainStarted))
    assert started.resumed_at_epoch == 3
    rows = (tmp_path / "run" / "results.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "4"]


def test_a_torn_checkpoint_is_replaced_by_the_one_before(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    first = attempt("first", epochs=3)
    first.start(fault="time.sleep(2 if trainer.epoch == 2 else 0)")
    first.wait_for(EpochFinished, count=2)
    os.killpg(first.started[0].pid, signal.SIGKILL)  # nobody lives to tell this end
    first.started[0].wait()
    assert not any(isinstance(event, Ended) for event in first.events())
    last = tmp_path / "run" / "resume" / "last.pt"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])

    second = attempt("second", epochs=3, resume_from=str(last))
    ended = second.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 3)
    assert second.epochs() == [2, 3]
    assert "checkpoint before the last" in second.warnings()
    assert (last.with_name("damaged.pt")).exists()


def test_without_any_fit_checkpoint_the_resume_is_a_data_error(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    last = tmp_path / "last.pt"
    last.write_bytes(b"PK\x03\x04 not a checkpoint")
    ended = attempt(resume_from=str(last)).run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.startswith("Checkpoint: last.pt is unreadable")
    assert last.exists(), "evidence is not thrown away"


def test_a_stop_while_libraries_are_loading_ends_soon(attempt: MakeAttempt) -> None:
    one = attempt(epochs=50)
    process = one.start()
    one.wait_for(Starting)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)
    assert kinds(one.events())[0] == "starting"
    ended = one.events()[-1]
    assert isinstance(ended, Ended)
    assert (ended.cause, ended.epochs_done) == (EndCause.STOPPED, 0)
    assert any(isinstance(event, StopRequested) for event in one.events())
    assert one.epochs() == []


def test_a_stop_in_the_last_epoch_leaves_something_to_resume(attempt: MakeAttempt) -> None:
    one = attempt(epochs=2)
    ended = one.run(fault=STOP_IN_EPOCH.format(index=1))
    assert (ended.cause, ended.epochs_done) == (EndCause.STOPPED, 1)
    saved = [e for e in one.events() if isinstance(e, CheckpointSaved)]
    again = attempt("again", epochs=2, resume_from=saved[-1].path)
    assert again.run().cause is EndCause.SUCCEEDED
    assert again.epochs() == [2]


def test_a_stop_after_the_last_epoch_is_a_success(attempt: MakeAttempt) -> None:
    impatient = "callbacks.VALIDATION_PATIENCE_S = 0.0"
    stop = (
        "original_eval = callbacks.Reporter._on_val_batch_end\n"
        "def on_val_batch_end(self, validator):\n"
        "    if self.evaluating_best: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    original_eval(self, validator)\n"
        "callbacks.Reporter._on_val_batch_end = on_val_batch_end\n"
    )
    one = attempt(epochs=2)
    ended = one.run(more=f"{impatient}\n{stop}")
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 2)
    assert "final evaluation was left out" in one.warnings()
    assert {"map50", "map50_95"} <= ended.metrics.keys()
    assert "weights/best.pt" in ended.artifacts


def test_a_missing_data_set_is_a_data_error(attempt: MakeAttempt, tmp_path: Path) -> None:
    described = tmp_path / "data.yaml"
    described.write_text("path: nowhere\ntrain: a\nval: b\nnames: [x]\ndownload: print('never')\n")
    ended = attempt(data_path=str(described)).run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.startswith("Data set: FileNotFoundError")
    assert "nowhere" in ended.detail


def test_a_data_set_without_labels_is_a_data_error(
    attempt: MakeAttempt, tmp_path: Path, data_yaml: Path
) -> None:
    folder = tmp_path / "unlabelled"
    shutil.copytree(data_yaml.parent / "images", folder / "images")
    described = folder / "data.yaml"
    described.write_text("path: .\ntrain: images/train\nval: images/val\nnames: [x]\n")
    ended = attempt(data_path=str(described)).run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.startswith("Data set: ValueError: train: No labels found in")


def test_a_missing_model_is_a_data_error(attempt: MakeAttempt, tmp_path: Path) -> None:
    ended = attempt(model_path=str(tmp_path / "absent.pt")).run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.startswith("Model: there is no file")


def test_running_out_of_memory_is_told_after_the_batch_was_reduced(attempt: MakeAttempt) -> None:
    one = attempt()
    ended = one.run(fault="raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')")
    assert ended.cause is EndCause.OUT_OF_MEMORY
    assert "Tried to allocate" in ended.detail
    assert "reduced from 8 to 4 images" in one.warnings()


def test_a_loss_that_is_not_a_number_is_told_as_diverged(attempt: MakeAttempt) -> None:
    one = attempt(epochs=3)
    ended = one.run(fault="batch['img'] *= float('nan') if trainer.epoch else 1.0")
    assert ended.cause is EndCause.DIVERGED
    assert "attempt 1 of 3" in one.warnings()
    assert all("nan" not in line.lower() for line in _numbers(one.events_file))


def test_a_fault_of_any_other_kind_is_told_with_its_type_and_logged(attempt: MakeAttempt) -> None:
    one = attempt()
    ended = one.run(fault="raise KeyError('odd')")
    assert (ended.cause, ended.detail) == (EndCause.CRASHED, "KeyError: 'odd'")
    assert "Traceback" in one.log()
    assert one.started[0].returncode not in {0, 75}


def test_an_unreadable_job_is_told_too(attempt: MakeAttempt) -> None:
    one = attempt()
    process = one.start()
    process.kill()
    process.wait()
    one.events_file.unlink(missing_ok=True)
    (one.folder / "job.json").write_text("{}")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bot.agent.trainer",
            str(one.folder / "job.json"),
            "--events-file",
            str(one.events_file),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode not in {0, 75}
    ended = one.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.cause is EndCause.CRASHED
    assert "job file is not valid" in ended.detail


def _numbers(events_file: Path) -> list[str]:
    """Return the figures of every epoch as text."""
    read = [json.loads(line) for line in events_file.read_text().splitlines()]
    return [
        json.dumps([event["progress"]["losses"], event["progress"]["metrics"]])
        for event in read
        if event["event"] == "epoch_finished"
    ]
