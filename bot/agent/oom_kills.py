"""How often the kernel has ended a process of this host for want of memory."""

from __future__ import annotations

from pathlib import Path

_GROUPS, _OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_VMSTAT = Path("/proc/vmstat")


def read_oom_kills(
    groups: Path = _GROUPS, own_group: Path = _OWN_GROUP, vmstat: Path = _VMSTAT
) -> int | None:
    """Return the count of this process's control group, or of the host; None if unreadable.

    Only the difference between two readings says something.  Sources:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (``memory.events``),
    and ``oom_kill`` in ``/proc/vmstat``.
    """
    group = _own_group(own_group)
    paths = [groups / group / "memory.events"] if group is not None else []
    for path in (*paths, vmstat):
        count = _count(path)
        if count is not None:
            return count
    return None


def kills_since(before: int | None) -> int | None:
    """Return how many more there are than ``before``; None where either is unknown."""
    now = read_oom_kills()
    return None if now is None or before is None else now - before


def _own_group(own_group: Path) -> str | None:
    try:
        lines = own_group.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    # In version 2 there is one line, "0::/path".
    return next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), None)


def _count(path: Path) -> int | None:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        return None
    return None
