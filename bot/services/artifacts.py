"""Files of runs: kept once, known by their digest."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from bot.domain.errors import ArtifactDamaged, StaleFence
from bot.ports.artifact_store import ArtifactStore
from bot.services import audit, runs
from bot.services.transaction import Tx
from bot.store import reservations
from bot.store.tables import ArtifactRow, AttemptRow


def artifact_key(attempt_id: int, name: str) -> str:
    """Return where in the store a file of an attempt is kept."""
    return f"attempts/{attempt_id}/{name}"


def keep(store: ArtifactStore, attempt_id: int, name: str, content: bytes, sha256: str) -> int:
    """Keep a file if it is whole, and return its size in bytes. Idempotent.

    To be called before `record`, outside any transaction: a file that nobody recorded is
    harmless, a record without its file is not.

    Raises:
        ArtifactDamaged: the content does not have the digest.
        OSError: the store cannot be written.
    """
    if hashlib.sha256(content).hexdigest() != sha256.lower():
        raise ArtifactDamaged(name)
    store.put(artifact_key(attempt_id, name), content)
    return len(content)


def record(tx: Tx, attempt_id: int, fence: int, name: str, size_bytes: int, sha256: str) -> None:
    """Record a file that was kept, and show it where it is a plot. Idempotent.

    Raises:
        StaleFence: the attempt is unknown or has been replaced.
    """
    reservations.lock_of_attempts(tx.session, [attempt_id])
    attempt = tx.session.get(AttemptRow, attempt_id)
    if attempt is None or attempt.fence != fence:
        raise StaleFence(attempt_id, fence)
    row = tx.session.scalar(
        select(ArtifactRow).where(ArtifactRow.attempt_id == attempt_id, ArtifactRow.name == name)
    )
    if row is not None:
        row.size_bytes, row.sha256 = size_bytes, sha256.lower()
        return
    row = ArtifactRow(
        attempt_id=attempt_id,
        name=name,
        key=artifact_key(attempt_id, name),
        size_bytes=size_bytes,
        sha256=sha256.lower(),
        stored_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx,
        audit.by_agent(attempt.host.name),
        "artifact.stored",
        ("attempt", attempt_id),
        name=name,
        size_bytes=size_bytes,
        sha256=row.sha256,
    )
    runs.artifact_arrived(tx, attempt, row)
