"""What a training takes of memory, and which batch would have fitted.

The rule: with at least one finished batch its memory per image was measured, and what fits is nine
tenths of what there is, less what the model takes by itself, divided by that.  Without one, half
of the batch that failed, or less where what it had taken until then says so.  Where a measurement
contradicts the failure it is not believed, and half it is.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_USABLE = 0.9
_MIB = 1024 * 1024


@dataclass(frozen=True)
class MemoryUse:
    """What was measured on one device, in MiB.

    ``base_mib`` is taken by model and optimizer before a batch, ``peak_mib`` with ``images`` of
    one, ``limit_mib`` is what this process may take in all.  ``finished`` says that the batch of
    the peak went through; otherwise the peak is the least that it would have taken.
    """

    base_mib: float
    peak_mib: float
    limit_mib: float
    images: int
    finished: bool

    @property
    def per_image_mib(self) -> float:
        """What one image takes, 0 where that is not known."""
        return max(self.peak_mib - self.base_mib, 0.0) / self.images if self.images else 0.0


@dataclass(frozen=True)
class Fit:
    """The batch that should fit, None if not even one image does, and a sentence that says why."""

    batch: int | None
    sentence: str


def batch_that_fits(failed_batch: int, ranks: int, use: MemoryUse | None) -> Fit:
    """Return the largest batch that should fit where ``failed_batch`` did not, over all ranks."""
    ranks = max(ranks, 1)
    each = max(failed_batch // ranks, 1)
    if each == 1:
        return Fit(None, "Not even one image fits: take smaller images (imgsz) or a smaller model.")
    half = each // 2
    if use is None or use.per_image_mib <= 0:
        return Fit(
            half * ranks, f"Nothing could be measured; try batch={half * ranks}, half of it."
        )
    measured = int((_USABLE * use.limit_mib - use.base_mib) / use.per_image_mib)
    figures = (
        f"{use.per_image_mib:.0f} MiB per image and {use.base_mib:.0f} MiB for the model, of "
        f"{use.limit_mib:.0f} MiB"
    )
    if measured < 1:
        return Fit(None, f"Not even one image fits ({figures}): take smaller images or a model.")
    if use.finished and measured < each:
        best = measured * ranks
        return Fit(best, f"batch={best} should fit: measured were {figures}.")
    best = min(half, measured) * ranks
    return Fit(best, f"Try batch={best}: the batch took at least {figures}.")


class MemoryMeter:
    """Watches the memory of one training, on its GPU or in this process where it has none."""

    def __init__(self, device: Any) -> None:
        self._gpu = device if device.type == "cuda" else None
        self._base_mib = 0.0
        self._seen: tuple[float, float, int] | None = None  # base, peak, images

    def begin_epoch(self) -> None:
        """Note what is taken between batches."""
        self._base_mib = self._now_mib()
        self._reset_peak()

    def batch_done(self, images: int) -> None:
        """Note what a batch of ``images`` has taken."""
        seen = (self._base_mib, self._peak_mib(), images)
        # Without a GPU what is freed is not always given back, so that a later base says too much.
        if self._gpu is not None or self._seen is None or _taken(seen) >= _taken(self._seen):
            self._seen = seen

    def after_failure(self, images: int) -> MemoryUse:
        """Return what is known when a batch of ``images`` did not fit."""
        finished = self._seen is not None
        base_mib, peak_mib, of_images = self._seen or (self._base_mib, self._peak_mib(), images)
        return MemoryUse(base_mib, peak_mib, self._limit_mib(), of_images, finished)

    def _now_mib(self) -> float:
        if self._gpu is None:
            return _status_mib("VmRSS")
        import torch

        return float(torch.cuda.memory_allocated(self._gpu)) / _MIB

    def _peak_mib(self) -> float:
        if self._gpu is None:
            return _status_mib("VmHWM")
        import torch

        return float(torch.cuda.max_memory_allocated(self._gpu)) / _MIB

    def _reset_peak(self) -> None:
        if self._gpu is None:
            # Not everywhere; then the peak since the start stands in, and the estimate is careful.
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")  # see proc_pid_clear_refs(5)
            return
        import torch

        torch.cuda.reset_peak_memory_stats(self._gpu)

    def _limit_mib(self) -> float:
        if self._gpu is None:
            return _status_mib("VmRSS") + _host_headroom_mib()
        import torch

        free = torch.cuda.mem_get_info(self._gpu)[0]
        return float(free + torch.cuda.memory_reserved(self._gpu)) / _MIB


def _taken(seen: tuple[float, float, int]) -> float:
    return seen[1] - seen[0]


def _host_headroom_mib() -> float:
    """Return how much more this process may take: of the host, its group and its own limit."""
    room = [_kib_of(Path("/proc/meminfo"), "MemAvailable") / 1024]
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address_space != resource.RLIM_INFINITY:
        room.append(max(address_space / _MIB - _status_mib("VmSize"), 0.0))
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        most = (group / "memory.max").read_text().strip()
        if most != "max":
            taken = int((group / "memory.current").read_text())
            room.append(max(int(most) - taken, 0) / _MIB)
    return min(room)


def _status_mib(key: str) -> float:
    return _kib_of(Path(f"/proc/{os.getpid()}/status"), key) / 1024


def _kib_of(path: Path, key: str) -> float:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return float(line.split()[1])
    return 0.0
