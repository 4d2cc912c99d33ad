"""The agent's folder: one JSON file per attempt, the trainings' files, and a lock.

::

    agent.lock            held while an agent runs
    state-id              marks the processes of this folder's trainings
    records/ID.json       an AttemptRecord each; ID.json.bad could not be read
    attempts/ID/          job.json, events.jsonl, trainer.log, run/ (the Ultralytics save_dir)
    checkpoints/ID/       kept of forgotten attempts, for a later attempt of the same run
    home/                 HOME of the trainers, for their caches
    trash/                about to be deleted
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog
from pydantic import ValidationError

from bot.agent.attempt_record import AttemptRecord

_log = structlog.get_logger(__name__)
_FOLDERS = ("records", "attempts", "checkpoints", "home", "trash")


class StateDirInUse(Exception):
    """Another agent holds the folder; two would start the same training twice."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"{path} is in use by another agent (process {holder or 'unknown'}). "
            "Stop it, or give this one a state directory of its own."
        )


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """Where the files of one attempt are."""

    folder: Path

    @property
    def job(self) -> Path:
        """The trainer's job, JSON."""
        return self.folder / "job.json"

    @property
    def events(self) -> Path:
        """The trainer's events, JSON lines."""
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        """Stdout and stderr of the trainer."""
        return self.folder / "trainer.log"

    @property
    def run(self) -> Path:
        """The Ultralytics ``save_dir``."""
        return self.folder / "run"

    @property
    def resume_from(self) -> Path:
        """The checkpoint of an earlier attempt, as this one was given it."""
        return self.folder / "resume.pt"

    @property
    def fetched(self) -> Path:
        """A checkpoint fetched from the control plane, whole and checked."""
        return self.folder / "fetched.pt"

    @property
    def outgoing(self) -> Path:
        """What is being sent to the control plane."""
        return self.folder / "outgoing"


class StateDir:
    """Reads and writes the folder; made by `open_state_dir` only, which holds the lock."""

    def __init__(self, path: Path, state_id: str) -> None:
        self.path = path
        self.state_id = state_id

    @property
    def home(self) -> Path:
        """The trainers' home folder."""
        return self.path / "home"

    def files(self, attempt_id: int) -> AttemptFiles:
        """Return where the attempt's files are, or would be."""
        return AttemptFiles(self.path / "attempts" / str(attempt_id))

    def mark(self, attempt_id: int) -> str:
        """Return the value that an attempt's processes carry in their environment."""
        return f"{self.state_id}/{attempt_id}"

    def load(self) -> dict[int, AttemptRecord]:
        """Return every record; a file that cannot be read is renamed to ``.bad`` and logged."""
        records: dict[int, AttemptRecord] = {}
        for path in sorted((self.path / "records").glob("*.json")):
            try:
                record = AttemptRecord.model_validate_json(path.read_bytes())
            except (ValidationError, OSError) as error:
                _log.error("record_set_aside", file=str(path), error=str(error)[:300])
                path.replace(path.with_name(path.name + ".bad"))
                continue
            records[record.attempt_id] = record
        return records

    def save(self, record: AttemptRecord) -> None:
        """Write the record so that a crash leaves either the old one or the new one."""
        path = self.path / "records" / f"{record.attempt_id}.json"
        write_atomically(path, record.model_dump_json().encode())

    def delete(self, attempt_id: int) -> None:
        """Remove the record and the checkpoint of an attempt. Idempotent."""
        (self.path / "records" / f"{attempt_id}.json").unlink(missing_ok=True)
        shutil.rmtree(self.checkpoint_path(attempt_id).parent, ignore_errors=True)
        for suffix in ("pt", "csv"):  # where releases before this one have put them
            (self.path / "checkpoints" / f"{attempt_id}.{suffix}").unlink(missing_ok=True)

    def checkpoint_path(self, attempt_id: int) -> Path:
        """Return where the checkpoint of a forgotten attempt is kept."""
        return self.path / "checkpoints" / str(attempt_id) / "last.pt"

    def unrecorded(self, records: dict[int, AttemptRecord]) -> set[int]:
        """Return the attempts that have a folder but no readable record."""
        folders = (path.name for path in (self.path / "attempts").iterdir())
        return {int(name) for name in folders if name.isdecimal()} - records.keys()

    def discard(self, attempt_id: int) -> None:
        """Move the attempt's folder out of the way, to be deleted later. Idempotent."""
        folder = self.files(attempt_id).folder
        if folder.exists():
            folder.replace(self.path / "trash" / f"{attempt_id}-{secrets.token_hex(4)}")

    def empty_trash(self) -> None:
        """Delete what was discarded; may take long, so not on the event loop."""
        for path in (self.path / "trash").iterdir():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def open_state_dir(path: Path) -> Iterator[StateDir]:
    """Create the folder where needed and hold its lock.

    Raises:
        StateDirInUse: another agent holds it.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path.resolve()
    # Never truncated before the lock is held: the holder's process id is inside.
    with (path / "agent.lock").open("a+") as lock:
        _take(lock, path)
        for name in _FOLDERS:
            (path / name).mkdir(mode=0o700, exist_ok=True)
        yield StateDir(path, _state_id(path))


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` so that a reader, or a crash, never meets half of it."""
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # without this the name may still point to the old file after a crash
    finally:
        os.close(folder)


def _take(lock: IO[str], path: Path) -> None:
    try:
        # The kernel lets go of it when the process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        raise StateDirInUse(path, lock.read(32).strip()) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _state_id(path: Path) -> str:
    file = path / "state-id"
    if not file.exists():
        write_atomically(file, secrets.token_hex(16).encode())
    return file.read_text(encoding="ascii")
