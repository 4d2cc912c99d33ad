"""When a training would be done in what is offered instead, as far as other runs tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.forecast import Span
from bot.domain.gpu_types import gpus_of_type, type_name
from bot.domain.holdings import Alternative, GpuOnHost
from bot.domain.run_spec import TrainingSpec
from bot.services import run_lengths
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store.tables import ReservationRow


def with_finishes(
    tx: Tx,
    alternatives: Sequence[Alternative],
    run: TrainingSpec | None,
    asked: Sequence[GpuOnHost],
    everything: Sequence[GpuOnHost],
) -> tuple[Alternative, ...]:
    """Return the alternatives with the end of the run, where its length is known and it fits.

    Args:
        tx: the transaction.
        alternatives: what fits instead.
        run: the training that was to be booked, None where there is none.
        asked: the GPUs that were asked for, by name or by type, or all.
        everything: all GPUs that can be booked.
    """
    if run is None or not alternatives:
        return tuple(alternatives)
    known: dict[tuple[str, int], Span | None] = {}
    return tuple(
        _with_finish(tx, each, run, _types(each, asked, everything), known) for each in alternatives
    )


def with_finish_of_run(tx: Tx, alternative: Alternative, row: ReservationRow) -> Alternative:
    """Return what a reservation could become, with the end of its run where that fits."""
    run = reservation_view(row).run
    if run is None or run.finishes_at is None:
        return alternative
    if run.finishes_at > alternative.window.end - tx.policy.stop_lead:
        return alternative
    return replace(
        alternative,
        finishes_at=run.finishes_at,
        finishes_low_at=run.finishes_low_at,
        finishes_high_at=run.finishes_high_at,
    )


def _with_finish(
    tx: Tx,
    alternative: Alternative,
    run: TrainingSpec,
    types: frozenset[str],
    known: dict[tuple[str, int], Span | None],
) -> Alternative:
    lengths = []
    for gpu_type in sorted(types):
        key = (gpu_type, alternative.gpu_count)
        if key not in known:
            estimate = run_lengths.estimate(tx, run, *key)
            known[key] = None if estimate is None else estimate.length_of(run.epochs)
        lengths.append(known[key])
    # Which GPUs it gets is decided at the click: the slowest kind of them says when it is done.
    told = [length for length in lengths if length is not None]
    if not told or len(told) < len(lengths):
        return alternative
    slowest = max(told, key=lambda length: length.likely)
    start, end = alternative.window.start, alternative.window.end
    if start + slowest.likely > end - tx.policy.stop_lead:
        return alternative
    return replace(
        alternative,
        finishes_at=start + slowest.likely,
        finishes_low_at=start + slowest.low,
        finishes_high_at=start + slowest.high,
    )


def _types(
    alternative: Alternative, asked: Sequence[GpuOnHost], everything: Sequence[GpuOnHost]
) -> frozenset[str]:
    gpus = asked
    if alternative.gpu_names:
        gpus = [gpu for gpu in everything if gpu.name in alternative.gpu_names]
    elif alternative.gpu_type is not None:
        gpus = gpus_of_type(alternative.gpu_type, everything)
    return frozenset(type_name(gpu.model) for gpu in gpus)
