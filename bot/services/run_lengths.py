"""How fast runs have been, kept as their epochs come in, and how long another one would take."""

from __future__ import annotations

from statistics import median

from sqlalchemy import select

from bot.domain.forecast import RECENT_EPOCHS
from bot.domain.gpu_types import type_name
from bot.domain.pace import PaceEstimate, PaceKey, PaceSample, estimate_pace
from bot.domain.run_spec import TrainingSpec
from bot.services.transaction import Tx
from bot.services.views import spec_from_json
from bot.store.forecast_tables import AttemptPaceRow
from bot.store.tables import AttemptRow, RunRow

MOST_SAMPLES = 400
"""So many attempts of a data set, the newest ones, are looked at: one query of bounded cost."""

FEWEST_EPOCHS = 2
"""With a single epoch, warm-up cannot be told from the rest."""


def note_epochs(tx: Tx, row: AttemptRow) -> AttemptPaceRow | None:
    """Bring what is kept of an attempt's speed up to date with its epochs. Idempotent.

    Returns None while no epoch is finished.  The caller has locked the reservation.
    """
    if not row.epochs:
        return None
    # In whole seconds nothing can be judged that takes no time; such epochs are left out.
    first, last = row.epochs[0], row.epochs[-1]
    counted = [epoch.epoch_s for epoch in row.epochs[1:] if epoch.epoch_s > 0]
    recent = counted[-RECENT_EPOCHS:]
    level = median(recent) if recent else first.epoch_s
    kept = tx.session.get(AttemptPaceRow, row.id)
    if kept is None:
        kept = AttemptPaceRow(attempt_id=row.id, run_id=row.run_id, **_key_fields(row))
        tx.session.add(kept)
    kept.first_epoch, kept.last_epoch = first.epoch, last.epoch
    kept.first_epoch_at, kept.last_epoch_at = first.at, last.at
    kept.first_epoch_s, kept.epoch_s = first.epoch_s, level
    kept.counted, kept.recent_s = len(counted), list(recent)
    kept.startup_s = _startup_s(row, level) if counted else None
    kept.updated_at = tx.now
    return kept


def estimate(tx: Tx, spec: TrainingSpec, gpu_type: str, gpu_count: int) -> PaceEstimate | None:
    """Return how long the epochs of a training take on so many GPUs of a type.

    None where nothing has run on the same data, or nothing that can be scaled from.
    """
    wanted = PaceKey(
        spec.task,
        _model_word(spec.model),
        spec.data,
        spec.imgsz,
        spec.batch,
        gpu_type,
        gpu_count,
    )
    return estimate_pace(wanted, samples(tx, spec))


def samples(tx: Tx, spec: TrainingSpec) -> tuple[PaceSample, ...]:
    """Return what attempts on the same data have measured, the newest `MOST_SAMPLES`."""
    rows = tx.session.scalars(
        select(AttemptPaceRow)
        .where(
            AttemptPaceRow.task == spec.task,
            AttemptPaceRow.data == spec.data,
            AttemptPaceRow.counted >= FEWEST_EPOCHS,
        )
        .order_by(AttemptPaceRow.attempt_id.desc())
        .limit(MOST_SAMPLES)
    )
    return tuple(
        PaceSample(
            PaceKey(
                row.task, row.model, row.data, row.imgsz, row.batch, row.gpu_type, row.gpu_count
            ),
            row.epoch_s,
            row.counted,
            row.startup_s,
        )
        for row in rows
    )


def _key_fields(row: AttemptRow) -> dict[str, object]:
    spec = spec_from_json(row.run.spec)
    models = [claim.gpu.model for claim in row.run.reservation.claims]
    return {
        "task": spec.task,
        "model": _model_word(spec.model)[:255],
        "data": spec.data[:255],
        "imgsz": spec.imgsz,
        "batch": spec.batch,
        "gpu_type": type_name(models[0])[:255] if models else "unknown",
        "gpu_count": len(row.gpu_uuids),
    }


def _model_word(model: str) -> str:
    """Return a model without its ending: ``yolo11m.pt`` and ``yolo11m.yaml`` train alike."""
    for ending in (".yaml", ".pt"):
        if model.endswith(ending) and "/" not in model:
            return model.removesuffix(ending)
    return model


def _startup_s(row: AttemptRow, level: float) -> float | None:
    """Return what an attempt needs beside its epochs: to load, to cache, to warm up; in seconds."""
    if row.trainer_started_at is None:
        return None
    first = row.epochs[0]
    loading_s = (first.at - row.trainer_started_at).total_seconds() - first.epoch_s
    return max(0.0, loading_s) + max(0.0, first.epoch_s - level)


def spec_of(run: RunRow) -> TrainingSpec:
    """Return the training of a run."""
    return spec_from_json(run.spec)
