"""Checkpoints are whole or absent, the one before stays, and the unfit are not resumed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.trainer.atomic_files import AtomicPath, copy_atomically, remove_partials
from bot.agent.trainer.checkpoints import (
    Checkpoint,
    CheckpointKeeper,
    choose_checkpoint,
)
from bot.agent.trainer.ends import CheckpointProblemError


def inspect(path: Path) -> Checkpoint:
    """Stand in for torch: a checkpoint is a file that holds its number of epochs."""
    try:
        return Checkpoint(path, int(path.read_text()), 10)
    except (OSError, ValueError) as error:
        raise CheckpointProblemError(f"{path.name} is unfit") from error


def keeper(run_dir: Path, *, continues: bool = False) -> CheckpointKeeper:
    return CheckpointKeeper(run_dir, inspect, continues=continues)


def source(folder: Path, content: str) -> Path:
    path = folder / "written-by-ultralytics.pt"
    path.write_text(content)
    return path


def kept(run_dir: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (run_dir / "resume").iterdir()}


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_latest_two_are_kept(tmp_path: Path) -> None:
    keep = keeper(tmp_path)
    for epoch in "123":
        found = keep.keep(source(tmp_path, epoch))
    assert found == Checkpoint(tmp_path / "resume" / "last.pt", 3, 10)
    assert kept(tmp_path) == {"last.pt": "3", "previous.pt": "2"}


def test_a_resumed_training_keeps_the_checkpoint_it_came_from(tmp_path: Path) -> None:
    keeper(tmp_path).keep(source(tmp_path, "1"))
    keeper(tmp_path, continues=True).keep(source(tmp_path, "2"))
    assert kept(tmp_path) == {"last.pt": "2", "previous.pt": "1"}


def test_a_new_training_in_an_old_folder_forgets_the_old_checkpoints(tmp_path: Path) -> None:
    old = keeper(tmp_path)
    old.keep(source(tmp_path, "8"))
    old.keep(source(tmp_path, "9"))
    keeper(tmp_path).keep(source(tmp_path, "1"))
    assert kept(tmp_path) == {"last.pt": "1"}


def test_an_unfit_source_changes_nothing(tmp_path: Path) -> None:
    keep = keeper(tmp_path)
    keep.keep(source(tmp_path, "1"))
    with pytest.raises(CheckpointProblemError):
        keep.keep(source(tmp_path, "stripped"))
    assert kept(tmp_path)["last.pt"] == "1"


def test_a_full_disk_leaves_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = keeper(tmp_path)
    keep.keep(source(tmp_path, "1"))
    monkeypatch.setattr("bot.agent.trainer.atomic_files.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        keep.keep(source(tmp_path, "2"))
    assert kept(tmp_path) == {"last.pt": "1"}


def test_without_hard_links_the_one_before_is_kept_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.agent.trainer.checkpoints.os.link", fail)
    keep = keeper(tmp_path)
    keep.keep(source(tmp_path, "1"))
    keep.keep(source(tmp_path, "2"))
    assert kept(tmp_path) == {"last.pt": "2", "previous.pt": "1"}


def test_the_wanted_checkpoint_is_taken_if_it_is_fit(tmp_path: Path) -> None:
    keep = keeper(tmp_path)
    keep.keep(source(tmp_path, "1"))
    keep.keep(source(tmp_path, "2"))
    found, why = choose_checkpoint(tmp_path / "resume" / "last.pt", inspect)
    assert (found.epochs_done, why) == (2, "")


@pytest.mark.parametrize("torn", ["2 half a fi", None])
def test_a_torn_or_missing_last_falls_back_to_the_one_before(
    tmp_path: Path, torn: str | None
) -> None:
    keep = keeper(tmp_path)
    keep.keep(source(tmp_path, "1"))
    keep.keep(source(tmp_path, "2"))
    last = tmp_path / "resume" / "last.pt"
    last.unlink() if torn is None else last.write_text(torn)
    found, why = choose_checkpoint(last, inspect)
    assert found.epochs_done == 1
    assert "last.pt is unfit" in why
    # The next rotation must not put the torn file in the place of the good one.
    keeper(tmp_path, continues=True).keep(source(tmp_path, "2"))
    assert kept(tmp_path)["previous.pt"] == "1"


def test_with_nothing_fit_both_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointProblemError, match=r"last\.pt is unfit; previous\.pt is unfit"):
        choose_checkpoint(tmp_path / "last.pt", inspect)


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = AtomicPath(tmp_path) / "last.pt"
    target.write_bytes(b"old")
    monkeypatch.setattr("bot.agent.trainer.atomic_files.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        target.write_bytes(b"new")
    with pytest.raises(OSError, match="No space left"):
        copy_atomically(source(tmp_path, "new"), Path(target))
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_the_target_is_replaced_and_never_rewritten(tmp_path: Path) -> None:
    target = AtomicPath(tmp_path / "last.pt")
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        target.write_bytes(b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    (tmp_path / "last.pt.partial").write_bytes(b"half")
    (tmp_path / "last.pt").write_bytes(b"whole")
    remove_partials(tmp_path)
    remove_partials(tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]
