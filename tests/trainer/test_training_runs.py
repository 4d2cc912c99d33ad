"""Real trainings on the CPU, as the agent starts them: a process, its events, its files.

Faults are injected from outside, by a script that patches the prepared Ultralytics trainer and
then runs the program's own main function.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.agent.trainer_contract import (
    TRAINER_EVENT,
    CheckpointSaved,
    Ended,
    EpochFinished,
    Starting,
    StopRequested,
    TrainerEvent,
    TrainerJob,
    TrainStarted,
    Warned,
)
from bot.protocol.messages import EndCause, RunSpec
from bot.sandbox.data.shapes_dataset import write_shapes_dataset

pytestmark = pytest.mark.training

ROOT = Path(bot.__file__).parents[1]
TINY = ROOT / "bot" / "sandbox" / "data" / "tiny.yaml"
DEADLINE_S = 90.0

INJECTION = """
import os, signal, sys, time
from bot.agent.trainer import __main__ as entry, callbacks, train

make_trainer = train._make_trainer

def patched(reporter, arguments):
    trainer = make_trainer(reporter, arguments)
    original = trainer.preprocess_batch
    state = {{"batch": 0}}
    def preprocess_batch(batch):
        batch = original(batch)
        state["batch"] += 1
        inject(trainer, batch, state["batch"])
        return batch
    trainer.preprocess_batch = preprocess_batch
    return trainer

def inject(trainer, batch, number):
    {fault}

train._make_trainer = patched
{more}
entry.leave(entry.main())
"""

STOP_IN_EPOCH = (
    "if trainer.epoch == {index} and number % 4 == 2: os.kill(os.getpid(), signal.SIGTERM)"
)


@dataclass
class Attempt:
    """One trainer process and the files around it."""

    folder: Path
    job: TrainerJob
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        return Path(self.job.run_dir)

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    def start(self, fault: str = "", more: str = "") -> subprocess.Popen[bytes]:
        job_file = self.folder / "job.json"
        job_file.write_text(self.job.model_dump_json(), encoding="utf-8")
        program = ["-m", "bot.agent.trainer"]
        if fault or more:
            script = self.folder / "injected.py"
            script.write_text(INJECTION.format(fault=fault or "pass", more=more))
            program = [str(script)]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *program, str(job_file), "--events-file", str(self.events_file)],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, fault: str = "", more: str = "") -> Ended:
        self.start(fault, more).wait(DEADLINE_S)
        last = self.events()[-1]
        assert isinstance(last, Ended), self.log()
        return last

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def events(self) -> list[TrainerEvent]:
        """Return the events so far, without a line that is still being written."""
        if not self.events_file.exists():
            return []
        text = self.events_file.read_text(encoding="utf-8")
        whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [TRAINER_EVENT.validate_json(line) for line in whole]

    def wait_for(self, kind: type[Any], count: int = 1) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while sum(isinstance(event, kind) for event in self.events()) < count:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def epochs(self) -> list[int]:
        return [e.progress.epoch for e in self.events() if isinstance(e, EpochFinished)]

    def warnings(self) -> str:
        return " ".join(e.text for e in self.events() if isinstance(e, Warned))


MakeAttempt = Callable[..., Attempt]


@pytest.fixture(scope="session")
def data_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("shapes"), 32, 16, 64, 7)


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for matplotlib's font cache, as an agent would share it on a host."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def attempt(
    tmp_path: Path, data_yaml: Path, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeAttempt]:
    monkeypatch.setenv("MPLCONFIGDIR", str(caches))
    made: list[Attempt] = []

    def make(name: str = "attempt", **changes: Any) -> Attempt:
        folder = tmp_path / name
        folder.mkdir()
        epochs = changes.pop("epochs", 2)
        extra = {"plots": False, "patience": 0} | changes.pop("extra", {})
        values: dict[str, Any] = {
            "attempt_id": 1,
            "run_id": 1,
            "run_dir": str(tmp_path / "run"),
            "spec": RunSpec(
                model="tiny.yaml", data="shapes", epochs=epochs, imgsz=64, batch=8, extra=extra
            ),
            "model_path": str(TINY),
            "data_path": str(data_yaml),
            "gpu_count": 0,
        }
        made.append(Attempt(folder, TrainerJob(**(values | changes))))
        return made[-1]

    yield make
    for one in made:
        for process in one.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


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
