"""Which GPUs a reservation gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from bot.domain.holdings import GpuOnHost


def choose_gpus(
    free: Sequence[GpuOnHost],
    count: int,
    *,
    one_host: bool,
    preferred_gpu_ids: Collection[int] = (),
) -> tuple[GpuOnHost, ...] | None:
    """Choose ``count`` of the free GPUs, or None where that cannot be.

    On one host when they fit: the host that is left with the fewest free GPUs, so that large
    requests keep finding a whole host; among equals the one with most of ``preferred_gpu_ids``
    (what the member had last), then the lowest host id.  Over several hosts only when
    ``one_host`` is False: fullest hosts first, so that as few hosts as possible are touched.
    """
    by_host: defaultdict[int, list[GpuOnHost]] = defaultdict(list)
    for gpu in free:
        by_host[gpu.host_id].append(gpu)

    def liked_first(gpu: GpuOnHost) -> tuple[bool, int]:
        return (gpu.gpu_id not in preferred_gpu_ids, gpu.index)

    fitting = [gpus for gpus in by_host.values() if len(gpus) >= count]
    if fitting:
        best = min(
            fitting,
            key=lambda gpus: (
                len(gpus),
                -sum(gpu.gpu_id in preferred_gpu_ids for gpu in gpus),
                gpus[0].host_id,
            ),
        )
        return tuple(sorted(best, key=liked_first)[:count])
    if one_host or len(free) < count:
        return None
    fullest_first = sorted(by_host.values(), key=lambda gpus: (-len(gpus), gpus[0].host_id))
    pool = [gpu for gpus in fullest_first for gpu in sorted(gpus, key=liked_first)]
    return tuple(pool[:count])
