"""GPUs by slot as bits: the answers of the domain's calendar for a site of 10,000 GPUs.

`Calendar` is a snapshot: to build one for each of 180,000 jobs would take days.  This keeps one
number per host and slot, a bit for each GPU, and changes it in place.  Which GPUs are taken is
left to `choose_gpus`; it is handed only the hosts that it would choose from.  A test shows that
the answers are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus

Masks = NDArray[Any]
_FIRST_BLOCK, _LARGEST_BLOCK = 4, 256


class Site:
    """The hosts and their GPUs.

    Raises:
        ValueError: a host has more GPUs than bits are kept for, or none.
    """

    def __init__(self, host_sizes: Sequence[int]) -> None:
        self.widest = max(host_sizes, default=0)
        if not host_sizes or min(host_sizes) < 1 or self.widest > 64:
            raise ValueError("a host has 1 to 64 GPUs")
        widths = (np.uint8, np.uint16, np.uint32, np.uint64)
        self.dtype = next(one for one in widths if np.iinfo(one).bits >= self.widest)
        self.every = np.array([(1 << size) - 1 for size in host_sizes], dtype=self.dtype)
        self.hosts = tuple(
            tuple(
                GpuOnHost(host * self.widest + index, host, index, f"host{host}", "")
                for index in range(size)
            )
            for host, size in enumerate(host_sizes)
        )

    @property
    def gpu_count(self) -> int:
        """All GPUs."""
        return sum(len(gpus) for gpus in self.hosts)

    def of_mask(self, host: int, mask: int) -> list[GpuOnHost]:
        """Return the GPUs of a host whose bits are set."""
        return [gpu for gpu in self.hosts[host] if mask >> gpu.index & 1]

    def bits_of(self, gpus: Iterable[GpuOnHost]) -> dict[int, int]:
        """Return GPUs as bits, by host."""
        bits: dict[int, int] = {}
        for gpu in gpus:
            bits[gpu.host_id] = bits.get(gpu.host_id, 0) | 1 << gpu.index
        return bits

    def choose(self, free: Masks, count: int) -> tuple[GpuOnHost, ...] | None:
        """Return what `choose_gpus` takes of the free GPUs; over several hosts only if it must."""
        counts = np.bitwise_count(free)
        if count <= self.widest:
            host = int(np.where(counts >= count, counts, 255).argmin())
            if counts[host] < count:
                return None
            return choose_gpus(self.of_mask(host, int(free[host])), count, one_host=True)
        if int(counts.sum(dtype=np.int64)) < count:
            return None
        fullest_first = np.argsort(-counts.astype(np.int16), kind="stable")
        needed = int(np.searchsorted(counts[fullest_first].cumsum(dtype=np.int64), count)) + 1
        pool = [
            gpu for host in fullest_first[:needed] for gpu in self.of_mask(host, int(free[host]))
        ]
        return choose_gpus(pool, count, one_host=False)


class SlotIndex:
    """Which GPUs are taken in which slots, from slot 0 on."""

    def __init__(self, site: Site, slots: int) -> None:
        self._site = site
        self._taken = np.zeros((slots, len(site.hosts)), dtype=site.dtype)

    def take(self, bits: dict[int, int], first: int, end: int) -> None:
        """Mark GPUs as taken in slots ``first <= n < end``."""
        for host, mask in bits.items():
            self._taken[first:end, host] |= self._site.dtype(mask)

    def give(self, bits: dict[int, int], first: int, end: int) -> None:
        """Mark them as free."""
        for host, mask in bits.items():
            self._taken[first:end, host] &= ~self._site.dtype(mask)

    def taken_at(self, slot: int, host: int) -> int:
        """Return the bits that are taken in one slot of one host."""
        return int(self._taken[slot, host])

    def free(self, first: int, end: int) -> Masks:
        """Return, by host, the GPUs that are free in all slots ``first <= n < end``."""
        taken = np.bitwise_or.reduce(self._taken[first:end], axis=0)
        masks: Masks = ~taken & self._site.every
        return masks

    def nearest(self, count: int, first: int, length: int, last: int) -> int | None:
        """Return the first slot, up to ``last``, from which so many GPUs are free for so long."""
        block = _FIRST_BLOCK
        while first <= last:
            stop = min(first + block, last + 1)
            fits = self._fits(count, self._taken[first : stop + length - 1], length)
            hit = int(fits.argmax())
            if fits[hit]:
                return first + hit
            first, block = stop, min(4 * block, _LARGEST_BLOCK)
        return None

    def _fits(self, count: int, taken: Masks, length: int) -> NDArray[np.bool_]:
        reached = 1
        while reached < length:
            step = min(reached, length - reached)
            taken = taken[:-step] | taken[step:]
            reached += step
        counts = np.bitwise_count(~taken & self._site.every)
        if count <= self._site.widest:
            return np.asarray(counts.max(axis=1) >= count)
        return np.asarray(counts.sum(axis=1, dtype=np.int64) >= count)
