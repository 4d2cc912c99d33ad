"""Large files that arrive in chunks, over any number of broken connections and replicas.

Each chunk is an object of its own in the artifact store; the database says which there are.  Once
all are there they are put together by streaming, checked, and recorded as one artifact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from bot.ports.artifact_store import ArtifactStore
from bot.protocol.messages import UploadState
from bot.services import artifacts, checkpoints, discards
from bot.services.artifacts import FileOfAttempt
from bot.services.transaction import Tx, reads_only
from bot.store import reservations
from bot.store.file_tables import UploadPartRow, UploadRow

newest_checkpoint = checkpoints.newest_checkpoint


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk is to be kept before it is taken."""

    key: str
    first_byte: int


@dataclass(frozen=True, slots=True)
class Assembly:
    """Chunks that are all there, and where the whole is to be kept."""

    part_keys: tuple[str, ...]
    key: str

    def chunks(self, store: ArtifactStore) -> Iterator[bytes]:
        """Return the whole, read piece by piece.

        Raises:
            FileNotFoundError: a chunk is gone.
            OSError: the store cannot be read.
        """
        for key in self.part_keys:
            yield from store.read(key)


@reads_only
def state(tx: Tx, file: FileOfAttempt, size_bytes: int) -> UploadState:
    """Return how much of a file has arrived.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    artifacts.require_attempt(tx, file.attempt_id, file.fence)
    kept = artifacts.find(tx, file.attempt_id, file.name)
    if kept is not None and kept.sha256 == file.sha256.lower():
        return UploadState(received_bytes=kept.size_bytes, complete=True)
    row = _find(tx, file)
    if row is None or not _is_same(row, file, size_bytes):
        return UploadState(received_bytes=0)
    return UploadState(received_bytes=row.received_bytes)


def place_for_chunk(
    tx: Tx, file: FileOfAttempt, size_bytes: int, first_byte: int
) -> ChunkPlace | UploadState:
    """Return where to keep a chunk, or how much has arrived if it is not this chunk's turn.

    A file of another digest takes the place of one that was not finished.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    reservations.lock_of_attempts(tx.session, [file.attempt_id])  # two may begin the same file
    known = state(tx, file, size_bytes)
    if known.complete or known.received_bytes != first_byte:
        return known
    row = _find(tx, file)
    if row is not None and not _is_same(row, file, size_bytes):
        drop(tx, row)
        row = None
    if row is None:
        tx.session.add(
            UploadRow(
                attempt_id=file.attempt_id,
                name=file.name,
                sha256=file.sha256.lower(),
                size_bytes=size_bytes,
                touched_at=tx.now,
            )
        )
        tx.session.flush()
    return ChunkPlace(discards.new_key(tx, f"uploads/{file.attempt_id}", file.name), first_byte)


def take_chunk(
    tx: Tx, file: FileOfAttempt, size_bytes: int, place: ChunkPlace, chunk_bytes: int
) -> UploadState:
    """Count a chunk that was kept, and return how much has arrived.

    If another replica has taken the same chunk meanwhile, this one is deleted in time.
    """
    row = _find(tx, file, lock=True)
    if row is None or not _is_same(row, file, size_bytes):
        return UploadState(received_bytes=0)
    fits = row.received_bytes == place.first_byte and place.first_byte + chunk_bytes <= size_bytes
    if chunk_bytes and fits and discards.claim(tx, place.key):
        row.parts.append(
            UploadPartRow(first_byte=place.first_byte, size_bytes=chunk_bytes, key=place.key)
        )
        row.received_bytes += chunk_bytes
        row.touched_at = tx.now
    return UploadState(received_bytes=row.received_bytes)


def assembly(tx: Tx, file: FileOfAttempt, size_bytes: int) -> Assembly | None:
    """Return what is to be put together, or None while something is missing or all is done.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    row = _find(tx, file)
    if row is None or not _is_same(row, file, size_bytes) or row.received_bytes != size_bytes:
        return None
    key = artifacts.reserve_key(tx, file)
    return None if key is None else Assembly(tuple(part.key for part in row.parts), key)


def finish(tx: Tx, file: FileOfAttempt, size_bytes: int, key: str) -> UploadState:
    """Record the whole as an artifact and let its chunks go. Idempotent.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
        ArtifactDamaged: writing it took so long that it has been given up.
    """
    artifacts.record(tx, file, key, size_bytes)
    give_up(tx, file)
    return UploadState(received_bytes=size_bytes, complete=True)


def give_up(tx: Tx, file: FileOfAttempt) -> None:
    """Let the chunks of a file go: it is whole, or it is damaged and must be sent anew."""
    row = _find(tx, file, lock=True)
    if row is not None and row.sha256 == file.sha256.lower():
        drop(tx, row)


def drop(tx: Tx, row: UploadRow) -> None:
    """Let an upload and its chunks go."""
    discards.mark(
        tx,
        tuple(part.key for part in row.parts),
        tx.now + discards.READERS_FINISH_WITHIN,  # another replica may be putting them together
    )
    tx.session.delete(row)
    tx.session.flush()


def _find(tx: Tx, file: FileOfAttempt, *, lock: bool = False) -> UploadRow | None:
    query = select(UploadRow).where(
        UploadRow.attempt_id == file.attempt_id, UploadRow.name == file.name
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return tx.session.scalar(query)


def _is_same(row: UploadRow, file: FileOfAttempt, size_bytes: int) -> bool:
    return row.sha256 == file.sha256.lower() and row.size_bytes == size_bytes
