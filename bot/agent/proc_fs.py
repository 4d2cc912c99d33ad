"""Who a process is, and which processes belong together, read from ``/proc``.

A process id alone names nobody: ids are used again. An identity is the id together with the
process's start time and the boot in which it was seen.
Reference: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_PROC = Path("/proc")
_DEAD_STATES = frozenset("ZXx")

MARK_VARIABLE = "BERTH_ATTEMPT"
"""Every process of a training inherits it, so that none is overlooked when it is stopped."""


class ProcessIdentity(BaseModel):
    """One process for good. ``start_ticks`` is field 22 of ``/proc/<pid>/stat``."""

    model_config = ConfigDict(frozen=True)

    pid: int
    start_ticks: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The few fields of ``/proc/<pid>/stat`` that matter here."""

    pid: int
    state: str
    parent: int
    session: int
    start_ticks: int

    @property
    def is_dead(self) -> bool:
        """Tell whether only the entry in the table is left, waiting for its parent."""
        return self.state in _DEAD_STATES


def read_boot_id() -> str:
    """Return the kernel's id of the current boot, or an empty text where there is none."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def read_stat(pid: int) -> ProcessStat | None:
    """Return what the kernel says about ``pid``, or None if there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may itself hold spaces and parentheses.
    fields = text[text.rfind(")") + 2 :].split()
    if len(fields) < 20:
        return None
    return ProcessStat(
        pid=pid,
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
    )


def identify(pid: int, boot_id: str) -> ProcessIdentity | None:
    """Return the identity of ``pid``, or None if it is gone already."""
    stat = read_stat(pid)
    if stat is None:
        return None
    return ProcessIdentity(pid=pid, start_ticks=stat.start_ticks, boot_id=boot_id)


def is_alive(identity: ProcessIdentity, boot_id: str) -> bool:
    """Tell whether that very process still runs; a zombie does not."""
    if identity.boot_id != boot_id:
        return False
    stat = read_stat(identity.pid)
    return stat is not None and not stat.is_dead and stat.start_ticks == identity.start_ticks


def find_members(
    leader: ProcessIdentity | None, mark: str, boot_id: str
) -> tuple[ProcessIdentity, ...]:
    """Return every living process of one training.

    A process belongs to it by its session, or by ``mark`` (``NAME=value``) in its environment:
    the workers of ``torch.distributed.run`` make sessions of their own and would escape a signal
    to the trainer's group.
    """
    session = None if leader is None or leader.boot_id != boot_id else _own_session(leader)
    members: list[ProcessIdentity] = []
    for pid in _pids():
        stat = read_stat(pid)
        if stat is None or stat.is_dead or pid == os.getpid():
            continue
        in_session = leader is not None and _is_in(stat, session, leader.start_ticks)
        if in_session or _has_mark(pid, mark):
            members.append(ProcessIdentity(pid=pid, start_ticks=stat.start_ticks, boot_id=boot_id))
    return tuple(members)


def send_signal(identity: ProcessIdentity, number: signal.Signals, boot_id: str) -> bool:
    """Signal that very process and tell whether it was there.

    A file descriptor of the process closes the gap between the look and the signal, in which
    the id could be given to a stranger.
    """
    try:
        descriptor = os.pidfd_open(identity.pid)
    except OSError as error:
        if error.errno == errno.ENOSYS:  # kernels before 5.3
            return _send_by_number(identity, number, boot_id)
        return False
    try:
        if not is_alive(identity, boot_id):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _send_by_number(identity: ProcessIdentity, number: signal.Signals, boot_id: str) -> bool:
    if not is_alive(identity, boot_id):
        return False
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return False
    return True


def _is_in(stat: ProcessStat, session: int | None, not_before: int) -> bool:
    return stat.session == session and stat.start_ticks >= not_before


def _own_session(leader: ProcessIdentity) -> int | None:
    """Return the session id of ``leader`` unless its number has gone to another process."""
    stat = read_stat(leader.pid)
    if stat is not None and stat.start_ticks != leader.start_ticks:
        return None
    return leader.pid


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - names only


def _has_mark(pid: int, mark: str) -> bool:
    return mark.encode() in _environment_of(pid)


def read_marks(pid: int, variable: str = MARK_VARIABLE) -> tuple[str, ...]:
    """Return the values of ``variable`` in a process's environment: one, or none."""
    name = f"{variable}=".encode()
    return tuple(
        entry[len(name) :].decode(errors="replace")
        for entry in _environment_of(pid)
        if entry.startswith(name)
    )


def _environment_of(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # another user's process, or gone in the meantime
        return []
