"""Lets go of an attempt whose end the control plane has recorded."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import structlog

from bot.agent.attempt import Attempt
from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.state_dir import StateDir
from bot.agent.trainer_job import PREVIOUS_CHECKPOINT, results_beside

_log = structlog.get_logger(__name__)


def forget(attempt: Attempt, state_dir: StateDir, now: datetime) -> None:
    """Drop the attempt's files; what a later attempt of the run needs is put aside. Idempotent.

    The record stays for a while: it keeps a late message from starting the attempt again.
    """
    kept = _keep_checkpoint(attempt.checkpoint(), state_dir, attempt.record.attempt_id)
    attempt.save(forgotten_at=now, checkpoint=kept)
    state_dir.discard(attempt.record.attempt_id)
    attempt.log.info("attempt_forgotten", checkpoint_kept=kept is not None)


def _keep_checkpoint(
    saved: SavedCheckpoint | None, state_dir: StateDir, attempt_id: int
) -> SavedCheckpoint | None:
    if saved is None:
        return None
    source, target = Path(saved.path), state_dir.checkpoint_path(attempt_id)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (PREVIOUS_CHECKPOINT, source.name):
            kept = target if name == source.name else target.with_name(name)
            if source.with_name(name).exists() and not kept.exists():
                os.link(source.with_name(name), kept)
    except OSError as error:
        _log.warning("checkpoint_not_kept", file=str(source), error=str(error))
        return None
    results = results_beside(source)
    if results.exists():
        shutil.copyfile(results, target.with_suffix(".csv"))
    return SavedCheckpoint(path=str(target), epoch=saved.epoch)
