"""Files of runs: kept once, known by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from bot.domain.errors import ArtifactDamaged, StaleFence
from bot.ports.artifact_store import ArtifactStore
from bot.protocol.messages import AttemptState
from bot.services import audit, checkpoints, discards, due, outbox
from bot.services.transaction import Tx, reads_only
from bot.store import reservations
from bot.store.tables import ArtifactRow, AttemptRow

PLOT_NAME = "results.png"


@dataclass(frozen=True, slots=True)
class FileOfAttempt:
    """A file as its agent announces it. ``epochs_done`` where it is a checkpoint that tells."""

    attempt_id: int
    fence: int
    name: str
    sha256: str
    epochs_done: int | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that is kept, as it can be fetched."""

    key: str
    name: str
    size_bytes: int
    sha256: str


def reserve_key(tx: Tx, file: FileOfAttempt) -> str | None:
    """Return where a file is to be kept, or None if that very file is kept already.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    require_attempt(tx, file.attempt_id, file.fence)
    row = find(tx, file.attempt_id, file.name)
    if row is not None and row.sha256 == file.sha256.lower():
        return None
    return discards.new_key(tx, f"attempts/{file.attempt_id}", file.name)


def keep(store: ArtifactStore, key: str, name: str, chunks: Iterable[bytes], sha256: str) -> int:
    """Keep a file if it is whole, and return its size in bytes.

    To be called between `reserve_key` and `record`, outside any transaction.

    Raises:
        ArtifactDamaged: the content does not have the digest; nothing is kept.
        OSError: the store cannot be written.
    """
    return store.put(key, _checked(chunks, name, sha256.lower()))


def _checked(chunks: Iterable[bytes], name: str, sha256: str) -> Iterator[bytes]:
    """Raise at the end of a damaged file, which keeps the store from keeping it."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise ArtifactDamaged(name)


def record(tx: Tx, file: FileOfAttempt, key: str, size_bytes: int) -> None:
    """Record a file that was kept under ``key``, and show it where it is a plot.

    A newer one takes the place of the older, which can be fetched for a while yet.  Recording the
    same file twice changes nothing.  Only the first of a name is an audit event: a checkpoint is
    replaced every few minutes.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
        ArtifactDamaged: writing it took so long that it has been given up.
    """
    reservations.lock_of_attempts(tx.session, [file.attempt_id])
    attempt = require_attempt(tx, file.attempt_id, file.fence)
    row = find(tx, file.attempt_id, file.name)
    if row is not None and row.sha256 == file.sha256.lower():
        return  # what was written under the new key is deleted in time
    if not discards.claim(tx, key):
        raise ArtifactDamaged(file.name)
    if file.name == checkpoints.CHECKPOINT_NAME:
        checkpoints.note_stored(tx, attempt, file.epochs_done)
    if row is not None:
        discards.mark(tx, (row.key,), tx.now + discards.READERS_FINISH_WITHIN)
        row.key, row.size_bytes, row.sha256 = key, size_bytes, file.sha256.lower()
        row.stored_at = tx.now
        return
    row = ArtifactRow(
        attempt_id=attempt.id,
        name=file.name,
        key=key,
        size_bytes=size_bytes,
        sha256=file.sha256.lower(),
        stored_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    due.arm_files_expire(tx)
    audit.record(
        tx,
        audit.by_agent(attempt.host.name),
        "artifact.stored",
        ("attempt", attempt.id),
        name=file.name,
        size_bytes=size_bytes,
        sha256=row.sha256,
    )
    if file.name == PLOT_NAME and attempt.state == AttemptState.ENDED:
        # Before the end the end itself shows it.
        outbox.show_plot(tx, attempt.run.reservation, row)


@reads_only
def kept_file(tx: Tx, attempt_id: int, name: str) -> KeptFile | None:
    """Return what is kept of an attempt under a name, or None if there is nothing, or no longer."""
    row = find(tx, attempt_id, name)
    if row is None:
        return None
    return KeptFile(row.key, row.name, row.size_bytes, row.sha256)


def require_attempt(tx: Tx, attempt_id: int, fence: int) -> AttemptRow:
    """Return the attempt that a message is about.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    attempt = tx.session.get(AttemptRow, attempt_id)
    if attempt is None or attempt.fence != fence:
        raise StaleFence(attempt_id, fence)
    return attempt


def find(tx: Tx, attempt_id: int, name: str) -> ArtifactRow | None:
    """Return the record of a file, or None."""
    return tx.session.scalar(
        select(ArtifactRow).where(ArtifactRow.attempt_id == attempt_id, ArtifactRow.name == name)
    )
