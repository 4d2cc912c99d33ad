"""Other GPUs for a reservation that loses some of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus


def equivalent_gpus(
    kept: Sequence[GpuOnHost],
    lost: Sequence[GpuOnHost],
    free: Sequence[GpuOnHost],
    *,
    one_host: bool,
) -> tuple[GpuOnHost, ...] | None:
    """Return as many GPUs of the same models, or None where that cannot be.

    What need not be given up is kept.  Only where the GPUs must stand on one host, and the host of
    those that could be kept has too few, the whole reservation goes to another host.

    Args:
        kept: GPUs of the reservation that it may go on with.
        lost: those that it loses.
        free: what is free in its window; neither ``kept`` nor ``lost`` is among it.
        one_host: whether all must stand on one host, as a run needs it.
    """
    near = free
    if one_host and kept:
        near = [gpu for gpu in free if gpu.host_id == kept[0].host_id]
    replaced = _like(lost, near, one_host=one_host)
    if replaced is not None:
        return (*kept, *replaced)
    if not one_host or not kept:
        return None
    return _like([*kept, *lost], free, one_host=True)


def _like(
    wanted: Sequence[GpuOnHost], free: Sequence[GpuOnHost], *, one_host: bool
) -> tuple[GpuOnHost, ...] | None:
    if not one_host:
        return _of_models(wanted, free, one_host=False)
    by_host: defaultdict[int, list[GpuOnHost]] = defaultdict(list)
    for gpu in free:
        by_host[gpu.host_id].append(gpu)
    # The host that is left with the fewest, as in placement.
    for gpus in sorted(by_host.values(), key=lambda each: (len(each), each[0].host_id)):
        found = _of_models(wanted, gpus, one_host=True)
        if found is not None:
            return found
    return None


def _of_models(
    wanted: Sequence[GpuOnHost], free: Sequence[GpuOnHost], *, one_host: bool
) -> tuple[GpuOnHost, ...] | None:
    found: list[GpuOnHost] = []
    for model, count in sorted(Counter(gpu.model for gpu in wanted).items()):
        alike = [gpu for gpu in free if gpu.model == model]
        chosen = choose_gpus(alike, count, one_host=one_host)
        if chosen is None:
            return None
        found += chosen
    return tuple(found)
