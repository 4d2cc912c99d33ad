"""What is known of the checkpoints of attempts: how far they are, and which of them are kept."""

from __future__ import annotations

from sqlalchemy import select

from bot.protocol.messages import CheckpointSeen, ResumePoint
from bot.services.transaction import Tx
from bot.store.file_tables import CheckpointRow
from bot.store.tables import ArtifactRow, AttemptRow, RunRow

CHECKPOINT_NAME = "checkpoint.pt"
CHECKPOINT_RESULTS_NAME = "checkpoint.csv"
"""The epochs behind a checkpoint, as rows of Ultralytics' ``results.csv``."""


def newest_checkpoint(tx: Tx, run: RunRow) -> ResumePoint | None:
    """Return the checkpoint in the artifact store that is furthest, over all attempts of a run."""
    found = tx.session.execute(
        select(ArtifactRow, CheckpointRow.stored_epochs_done)
        .join(AttemptRow, AttemptRow.id == ArtifactRow.attempt_id)
        .outerjoin(CheckpointRow, CheckpointRow.attempt_id == ArtifactRow.attempt_id)
        .where(AttemptRow.run_id == run.id, ArtifactRow.name == CHECKPOINT_NAME)
    ).all()
    if not found:
        return None
    artifact, epochs_done = max(
        found, key=lambda pair: (pair[1] or 0, pair[0].stored_at, pair[0].id)
    )
    return ResumePoint(
        attempt_id=artifact.attempt_id,
        name=artifact.name,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        epochs_done=epochs_done or 0,
    )


def note_seen(tx: Tx, attempt: AttemptRow, seen: CheckpointSeen) -> None:
    """Keep how far the newest checkpoint on the host is. Idempotent; never goes back."""
    row = tx.session.get(CheckpointRow, attempt.id)
    if row is None:
        tx.session.add(
            CheckpointRow(attempt_id=attempt.id, epochs_done=seen.epochs_done, seen_at=seen.at)
        )
        tx.session.flush()
    elif seen.epochs_done > row.epochs_done:
        row.epochs_done, row.seen_at = seen.epochs_done, seen.at


def note_stored(tx: Tx, attempt: AttemptRow, epochs_done: int | None) -> None:
    """Keep how far the checkpoint in the store is, by the agent's word. Idempotent."""
    row = tx.session.get(CheckpointRow, attempt.id)
    if row is None:
        row = CheckpointRow(attempt_id=attempt.id, epochs_done=epochs_done or 0, seen_at=tx.now)
        tx.session.add(row)
    row.stored_epochs_done = row.epochs_done if epochs_done is None else epochs_done
    row.epochs_done = max(row.epochs_done, row.stored_epochs_done)
    row.stored_at = tx.now
    tx.session.flush()
