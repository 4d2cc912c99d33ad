"""Which checkpoint an attempt goes on from: the furthest sound one, and never less unasked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.resume_choice import ResumeChoice, choose_checkpoint
from bot.protocol.messages import ResumePoint


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    return tmp_path / "fetched.pt"


def saved(folder: Path, epoch: int, *, sound: bool = True) -> SavedCheckpoint:
    path = folder / f"{epoch}-{sound}" / "last.pt"
    path.parent.mkdir()
    if sound:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("epoch", str(epoch))
    else:
        path.write_bytes(b"PK\x03\x04 torn")
    return SavedCheckpoint(path=str(path), epoch=epoch)


def point(epochs_done: int) -> ResumePoint:
    return ResumePoint(
        attempt_id=1, name="checkpoint.pt", sha256="0" * 64, size_bytes=1, epochs_done=epochs_done
    )


def test_without_any_it_begins_at_the_first_epoch(fetched: Path) -> None:
    assert choose_checkpoint((), None, fetched) == ResumeChoice()


def test_the_furthest_of_this_host_is_taken(tmp_path: Path, fetched: Path) -> None:
    local = [saved(tmp_path, 3), saved(tmp_path, 5)]
    assert choose_checkpoint(local, None, fetched).checkpoint == local[1]
    assert choose_checkpoint(local, point(5), fetched) == ResumeChoice(local[1])


def test_what_is_further_elsewhere_is_fetched_first(tmp_path: Path, fetched: Path) -> None:
    local = [saved(tmp_path, 5)]
    assert choose_checkpoint(local, point(6), fetched) == ResumeChoice(must_fetch=True)
    fetched.write_bytes(b"whole")
    choice = choose_checkpoint(local, point(6), fetched)
    assert choice == ResumeChoice(SavedCheckpoint(path=str(fetched), epoch=6))


def test_what_cannot_be_had_is_done_without_and_told(tmp_path: Path, fetched: Path) -> None:
    local = [saved(tmp_path, 5)]
    choice = choose_checkpoint(local, point(6), fetched, "The checkpoint of epoch 6 is gone")
    assert choice.checkpoint == local[0]
    assert choice.warning == (
        "The checkpoint of epoch 6 is gone: the training goes on from epoch 5."
    )
    nothing = choose_checkpoint((), point(6), fetched, "It is gone")
    assert nothing == ResumeChoice(
        warning="It is gone: the training begins again at the first epoch."
    )


def test_a_torn_one_of_this_host_is_fetched_or_done_without_and_told(
    tmp_path: Path, fetched: Path
) -> None:
    torn, before = saved(tmp_path, 6, sound=False), saved(tmp_path, 4)
    assert choose_checkpoint([torn, before], point(6), fetched).must_fetch
    choice = choose_checkpoint([torn, before], None, fetched)
    assert choice.checkpoint == before
    assert "epoch 6 on this host is damaged" in choice.warning
    assert "goes on from epoch 4" in choice.warning


def test_the_one_before_stands_in_for_a_torn_one(tmp_path: Path, fetched: Path) -> None:
    torn = saved(tmp_path, 6, sound=False)
    with zipfile.ZipFile(Path(torn.path).with_name("previous.pt"), "w") as archive:
        archive.writestr("epoch", "5")
    assert choose_checkpoint([torn], None, fetched) == ResumeChoice(torn)
