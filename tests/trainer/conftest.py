"""What every test of a real training shares: the data, the font cache, the processes to clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.data.shapes_dataset import write_shapes_dataset
from tests.support.trainings import Attempt, MakeAttempt, build_attempt


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
        made.append(build_attempt(tmp_path, name, data_yaml, **changes))
        return made[-1]

    yield make
    for one in made:
        one.clear()
