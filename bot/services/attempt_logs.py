"""The last lines of the logs of attempts, as their agents tell them while they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.protocol.messages import AttemptObservation
from bot.services import checkpoints
from bot.services.transaction import Tx, reads_only
from bot.store.file_tables import AttemptLogRow
from bot.store.tables import AttemptRow


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of an attempt's log, oldest first, and when they were told."""

    lines: tuple[str, ...]
    at: datetime


def take(tx: Tx, attempt: AttemptRow, seen: AttemptObservation) -> None:
    """Keep what an observation tells of log and checkpoint. Idempotent."""
    if seen.checkpoint is not None:
        checkpoints.note_seen(tx, attempt, seen.checkpoint)
    if not seen.log_tail:  # sent only when it has changed
        return
    row = tx.session.get(AttemptLogRow, attempt.id)
    if row is None:
        tx.session.add(AttemptLogRow(attempt_id=attempt.id, lines=list(seen.log_tail), at=tx.now))
        tx.session.flush()
    else:
        row.lines, row.at = list(seen.log_tail), tx.now


@reads_only
def log_tail(tx: Tx, attempt_id: int) -> LogTail | None:
    """Return the last lines of an attempt's log, or None if it has told none."""
    row = tx.session.get(AttemptLogRow, attempt_id)
    return None if row is None else LogTail(tuple(row.lines), row.at)
