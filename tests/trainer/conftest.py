"""What every test of a real training shares: the data, the font cache, the processes to clear."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.agent.trainer_contract import TrainerJob
from bot.protocol.messages import RunSpec
from bot.sandbox.data.shapes_dataset import write_shapes_dataset
from tests.support.trainings import TINY, Attempt, MakeAttempt


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
        task = changes.pop("task", "detect")
        seed = changes.pop("seed", 0)
        batch = changes.pop("batch", 8)
        extra = {"plots": False, "patience": 0} | changes.pop("extra", {})
        values: dict[str, Any] = {
            "attempt_id": 1,
            "run_id": 1,
            "run_dir": str(tmp_path / "run"),
            "spec": RunSpec(
                task=task,
                model="tiny.yaml",
                data="shapes",
                epochs=epochs,
                imgsz=64,
                batch=batch,
                seed=seed,
                extra=extra,
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
