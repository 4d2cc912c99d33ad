"""Records survive a crash at any instant; what cannot be read is set aside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.agent.attempt_record import AttemptRecord
from bot.agent.state_dir import StateDirInUse, open_state_dir, write_atomically
from bot.protocol.messages import DesiredAttempt, RunSpec

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(attempt_id: int) -> AttemptRecord:
    return AttemptRecord(
        desired=DesiredAttempt(
            attempt_id=attempt_id,
            run_id=1,
            fence=1,
            gpu_uuids=("A",),
            spec=RunSpec(model="a.yaml", data="d.yaml", epochs=1, imgsz=64, batch=1),
            claim_ends_at=NOW,
        ),
        accepted_at=NOW,
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    with open_state_dir(tmp_path / "new") as state_dir:
        state_dir.save(record(1))
        state_dir.save(record(2).but(forget_asked=True))
    with open_state_dir(tmp_path / "new") as state_dir:
        assert state_dir.load() == {1: record(1), 2: record(2).but(forget_asked=True)}


@pytest.mark.parametrize("content", ["", "{", '{"format_version": 99}', "[]"])
def test_a_record_that_cannot_be_read_is_set_aside(tmp_path: Path, content: str) -> None:
    with open_state_dir(tmp_path) as state_dir, capture_logs() as logs:
        state_dir.save(record(1))
        broken = tmp_path / "records/2.json"
        broken.write_text(content)
        assert list(state_dir.load()) == [1]
        assert not broken.exists()
        assert (tmp_path / "records/2.json.bad").read_text() == content
        assert [entry["event"] for entry in logs] == ["record_set_aside"]


def test_a_half_written_record_leaves_the_old_one(tmp_path: Path) -> None:
    with open_state_dir(tmp_path) as state_dir:
        state_dir.save(record(1))
        (tmp_path / "records/.1.json.tmp").write_text('{"format')  # where a crash would leave it
        assert state_dir.load() == {1: record(1)}


def test_a_second_agent_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        open_state_dir(tmp_path),
        pytest.raises(StateDirInUse, match=r"in use by another agent \(process \d+\)"),
        open_state_dir(tmp_path),
    ):
        pass
    with open_state_dir(tmp_path):
        pass  # let go of


def test_the_folders_mark_stays(tmp_path: Path) -> None:
    with open_state_dir(tmp_path) as state_dir:
        mark = state_dir.mark(3)
    with open_state_dir(tmp_path) as state_dir:
        assert state_dir.mark(3) == mark


def test_discarded_files_go_with_the_trash(tmp_path: Path) -> None:
    with open_state_dir(tmp_path) as state_dir:
        folder = state_dir.files(1).folder
        folder.mkdir()
        (folder / "big").write_text("x")
        assert state_dir.unrecorded({}) == {1}
        state_dir.discard(1)
        state_dir.discard(1)
        assert not folder.exists()
        state_dir.empty_trash()
        assert list((tmp_path / "trash").iterdir()) == []


def test_only_the_owner_can_look_inside(tmp_path: Path) -> None:
    with open_state_dir(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_an_atomic_write_replaces_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"a long first content")
    write_atomically(path, b"short")
    assert path.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [path]
