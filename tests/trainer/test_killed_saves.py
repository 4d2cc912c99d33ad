"""A process that is killed while it saves a checkpoint leaves one that can be resumed from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.agent.trainer.checkpoints import Checkpoint, CheckpointKeeper, choose_checkpoint
from bot.agent.trainer.ends import CheckpointProblemError

LENGTH = 4096
KILLED = 9


def inspect(path: Path) -> Checkpoint:
    """Stand in for torch: a checkpoint is one digit, written `LENGTH` times."""
    try:
        text = path.read_text()
    except OSError as error:
        raise CheckpointProblemError(f"{path.name} is missing") from error
    if len(text) != LENGTH or len(set(text)) != 1:
        raise CheckpointProblemError(f"{path.name} is torn")
    return Checkpoint(path, int(text[0]), 10)


class Moments:
    """Counts the steps of a save, and ends the process at one of them as a SIGKILL would."""

    def __init__(self, die_at: int | None) -> None:
        self._die_at = die_at
        self.passed = 0

    def one(self) -> None:
        self.passed += 1
        if self.passed == self._die_at:
            os._exit(KILLED)  # no handler, no flush, no "finally"

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self.one()
            result = real(*arguments, **named)
            self.one()
            return result

        return step

    def copy(self, source: Path, target: Path) -> None:
        """Copy in four pieces."""
        data = source.read_bytes()
        with target.open("wb", buffering=0) as file:
            for start in range(0, len(data), LENGTH // 4):
                self.one()
                file.write(data[start : start + LENGTH // 4])
        self.one()


def prepared(folder: Path) -> tuple[CheckpointKeeper, Path]:
    keeper = CheckpointKeeper(folder, inspect, continues=False)
    source = folder / "source.pt"
    for digit in "12":
        source.write_text(digit * LENGTH)
        keeper.keep(source)
    source.write_text("3" * LENGTH)
    return keeper, source


def patched(monkeypatch: pytest.MonkeyPatch, moments: Moments, links: bool) -> None:
    monkeypatch.setattr(shutil, "copyfile", moments.copy)
    monkeypatch.setattr(Path, "replace", moments.around(Path.replace))
    monkeypatch.setattr(Path, "unlink", moments.around(Path.unlink))
    monkeypatch.setattr(os, "fsync", moments.around(os.fsync))
    monkeypatch.setattr(os, "link", moments.around(os.link) if links else no_links)


def no_links(*_: object) -> None:
    raise OSError(95, "Operation not supported")


def count_moments(folder: Path, *, links: bool) -> int:
    with pytest.MonkeyPatch.context() as patch:
        keeper, source = prepared(folder)
        moments = Moments(None)
        patched(patch, moments, links)
        keeper.keep(source)
    return moments.passed


def killed_at(folder: Path, moment: int, *, links: bool) -> None:
    keeper, source = prepared(folder)
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            patched(patch, Moments(moment), links)
            keeper.keep(source)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


@pytest.fixture(params=[True, False], ids=["with hard links", "without"])
def links(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_whenever_it_is_killed_the_checkpoint_before_or_the_new_one_is_whole(
    tmp_path: Path, links: bool
) -> None:
    (tmp_path / "count").mkdir()
    moments = count_moments(tmp_path / "count", links=links)
    assert moments >= 12
    found = []
    for moment in range(1, moments + 1):
        folder = tmp_path / str(moment)
        folder.mkdir()
        killed_at(folder, moment, links=links)
        kept, _ = choose_checkpoint(folder / "resume" / "last.pt", inspect)
        assert kept.epochs_done in {2, 3}, f"killed at moment {moment}"
        found.append(kept.epochs_done)
        # And the next attempt saves as if nothing had been.
        (folder / "next.pt").write_text("4" * LENGTH)
        CheckpointKeeper(folder, inspect, continues=True).keep(folder / "next.pt")
        files = {path.name: inspect(path).epochs_done for path in (folder / "resume").iterdir()}
        assert files == {"last.pt": 4, "previous.pt": kept.epochs_done}
    assert found == sorted(found), "once the new one is there it stays"
    assert set(found) == {2, 3}
