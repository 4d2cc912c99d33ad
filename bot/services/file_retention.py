"""Files of runs do not stay for ever: once a day, what is old enough goes."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import delete, or_, select

from bot.domain.states import RUN_MOVES
from bot.services import audit, checkpoints, discards, due, uploads
from bot.services.transaction import Tx
from bot.store.file_tables import AttemptLogRow, UploadRow
from bot.store.tables import ArtifactRow, AttemptRow, RunRow

UNFINISHED_KEPT_FOR = timedelta(days=2)
"""An upload that no chunk has come to for so long is given up; its agent has done so before."""
AT_ONCE = 500
_CHECKPOINT_FILES = (checkpoints.CHECKPOINT_NAME, checkpoints.CHECKPOINT_RESULTS_NAME)
_OVER = tuple(state.value for state, moves in RUN_MOVES.items() if not moves)


def expire(tx: Tx, _subject: int = 0) -> None:
    """Let files go whose time is over, and look again tomorrow, or at once if there are more.

    Checkpoints serve to go on with a run; after its end they are kept for less long than what
    came of it.  Nothing of a run that is not over goes.
    """
    taken = _expire_artifacts(tx)
    stale = tx.session.scalars(
        select(UploadRow).where(UploadRow.touched_at <= tx.now - UNFINISHED_KEPT_FOR).limit(AT_ONCE)
    ).all()
    for row in stale:
        uploads.drop(tx, row)
    _expire_logs(tx)
    more = max(taken, len(stale)) >= AT_ONCE
    due.arm_files_expire(tx, at_once=more)


def _expire_artifacts(tx: Tx) -> int:
    is_checkpoint = ArtifactRow.name.in_(_CHECKPOINT_FILES)
    rows = tx.session.scalars(
        select(ArtifactRow)
        .join(AttemptRow, AttemptRow.id == ArtifactRow.attempt_id)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(
            RunRow.state.in_(_OVER),
            or_(
                RunRow.ended_at <= tx.now - tx.policy.keep_files,
                is_checkpoint & (RunRow.ended_at <= tx.now - tx.policy.keep_checkpoints),
            ),
        )
        .order_by(ArtifactRow.attempt_id, ArtifactRow.id)
        .limit(AT_ONCE)
    ).all()
    names: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows:
        names[row.attempt_id].append(row.name)
        discards.mark(tx, (row.key,), tx.now + discards.READERS_FINISH_WITHIN)
        tx.session.delete(row)
    for attempt_id, gone in names.items():
        audit.record(
            tx, audit.CLOCKWORK, "artifacts.expired", ("attempt", attempt_id), names=sorted(gone)
        )
    tx.session.flush()
    return len(rows)


def _expire_logs(tx: Tx) -> None:
    old = (
        select(AttemptRow.id)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(RunRow.state.in_(_OVER), RunRow.ended_at <= tx.now - tx.policy.keep_files)
    )
    tx.session.execute(delete(AttemptLogRow).where(AttemptLogRow.attempt_id.in_(old)))
