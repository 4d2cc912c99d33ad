"""Real trainings on the CPU, as the agent starts them: a process, its events, its files.

Faults are injected from outside, by a script that patches the prepared Ultralytics trainer and
then runs the program's own main function.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bot
from bot.agent.trainer_contract import (
    TRAINER_EVENT,
    Ended,
    EpochFinished,
    TrainerEvent,
    TrainerJob,
    Warned,
)
from bot.protocol.messages import RunSpec

ROOT = Path(bot.__file__).parents[1]
MODELS = ROOT / "bot" / "sandbox" / "data"
TINY = MODELS / "tiny.yaml"
DEADLINE_S = 240.0

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
        return self.ended()

    def ended(self) -> Ended:
        last = self.events()[-1]
        assert isinstance(last, Ended), self.log()
        return last

    def clear(self) -> None:
        """Kill what is left of it."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

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


def build_attempt(parent: Path, name: str, data_yaml: Path, **changes: Any) -> Attempt:
    """Return an attempt in a folder of its own, small unless ``changes`` say otherwise."""
    folder = parent / name
    folder.mkdir()
    spec: dict[str, Any] = {
        "task": "detect",
        "model": "tiny.yaml",
        "data": "shapes",
        "epochs": 2,
        "imgsz": 64,
        "batch": 8,
        "seed": 0,
    }
    spec |= {name: changes.pop(name) for name in spec.keys() & changes.keys()}
    extra = {"plots": False, "patience": 0} | changes.pop("extra", {})
    values: dict[str, Any] = {
        "attempt_id": 1,
        "run_id": 1,
        "run_dir": str(parent / "run"),
        "spec": RunSpec(**spec, extra=extra),
        "model_path": str(TINY),
        "data_path": str(data_yaml),
        "gpu_count": 0,
    }
    return Attempt(folder, TrainerJob(**(values | changes)))


Figures = dict[int, tuple[dict[str, float], dict[str, float]]]


def figures(*attempts: Attempt) -> Figures:
    """Return losses and metrics by epoch; of an epoch trained twice, those that counted."""
    return {
        event.progress.epoch: (event.progress.losses, event.progress.metrics)
        for attempt in attempts
        for event in attempt.events()
        if isinstance(event, EpochFinished)
    }
