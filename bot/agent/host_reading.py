"""What is measured of the host itself: its disk and its memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.protocol.messages import HostReading

_MIB = 2**20
_MEMINFO = Path("/proc/meminfo")


def read_host(folder: Path, meminfo: Path = _MEMINFO) -> HostReading:
    """Return free and total disk below ``folder`` and memory; what cannot be told is absent."""
    free, total = _disk(folder)
    memory = _memory(meminfo)
    return HostReading(
        disk_free_mib=free,
        disk_total_mib=total,
        memory_available_mib=memory.get("MemAvailable"),
        memory_total_mib=memory.get("MemTotal"),
    )


def disk_free_mib(folder: Path) -> float | None:
    """Return the free disk below ``folder`` for a process without privileges, or None."""
    return _disk(folder)[0]


def _disk(folder: Path) -> tuple[float | None, float | None]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None, None
    return usage.free / _MIB, usage.total / _MIB


def _memory(meminfo: Path) -> dict[str, float]:
    """Return the lines of ``/proc/meminfo`` in MiB.

    Reference: https://man7.org/linux/man-pages/man5/proc_meminfo.5.html
    """
    try:
        lines = meminfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[str, float] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[0].isdecimal() and words[1] == "kB":
            found[name] = int(words[0]) / 1024
    return found
