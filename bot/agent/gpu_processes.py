"""Who is on a GPU: what the host knows of the processes that NVML names.

Inside a container NVML gives the host's process ids, which mean nothing there
(https://docs.nvidia.com/deploy/nvml-api/): such a process stays without user and command.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from bot.agent.proc_fs import ProcessIdentity, ProcessStat, read_marks, read_stat
from bot.protocol.messages import GpuProcess, GpuReading

LONGEST_COMMAND = 200
_DEEPEST_DESCENT = 64
_PROC = Path("/proc")
_MASK = "***"
_SECRET_NAME = re.compile(
    r"(token|secret|passw|passphrase|credential|api[-_]?key|access[-_]?key|private[-_]?key|auth)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^(xox[a-z]-|xapp-|ghp_|gho_|github_pat_|glpat-|hf_|sk-|AKIA|ASIA|AIza|eyJ|berth_)"
)
_USER_INFO = re.compile(r"(://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class OwnTraining:
    """A training of this agent, as its processes are recognised."""

    attempt_id: int
    mark: str
    leader: ProcessIdentity | None


def describe_processes(
    readings: Iterable[GpuReading], trainings: Iterable[OwnTraining]
) -> tuple[GpuReading, ...]:
    """Return the readings with all that the host knows of the processes on each GPU."""
    known = tuple(trainings)
    return tuple(_with_processes(reading, known) for reading in readings)


def _with_processes(reading: GpuReading, trainings: tuple[OwnTraining, ...]) -> GpuReading:
    told = {process.pid: process for process in reading.processes}
    pids = sorted({*reading.process_pids, *told})
    processes = tuple(_describe(told.get(pid) or GpuProcess(pid=pid), trainings) for pid in pids)
    return reading.model_copy(update={"processes": processes})


def _describe(process: GpuProcess, trainings: tuple[OwnTraining, ...]) -> GpuProcess:
    stat = read_stat(process.pid)
    if stat is None:
        return process
    return process.model_copy(
        update={
            "user": _user_of(process.pid),
            "command": masked_command(_arguments_of(process.pid)),
            "started_at": _started_at(stat),
            "attempt_id": _attempt_of(stat, trainings),
        }
    )


def _attempt_of(stat: ProcessStat, trainings: tuple[OwnTraining, ...]) -> int | None:
    """Return the training that a process belongs to: by its mark, its session or its parents."""
    by_mark = {training.mark: training.attempt_id for training in trainings}
    by_leader = {
        training.leader.pid: training for training in trainings if training.leader is not None
    }
    looked_at: ProcessStat | None = stat
    for _ in range(_DEEPEST_DESCENT):
        if looked_at is None or looked_at.pid <= 1:
            return None
        for mark in read_marks(looked_at.pid):
            if mark in by_mark:
                return by_mark[mark]
        found = by_leader.get(looked_at.session) or by_leader.get(looked_at.pid)
        if found is not None and _is_of(found, looked_at):
            return found.attempt_id
        looked_at = read_stat(looked_at.parent)
    return None


def _is_of(training: OwnTraining, stat: ProcessStat) -> bool:
    """Tell whether a process that bears the leader's number can be of its training."""
    return training.leader is not None and stat.start_ticks >= training.leader.start_ticks


def masked_command(arguments: Iterable[str]) -> str:
    """Return a command line for people to see, without anything that looks like a secret.

    ``--token x``, ``--token=x``, ``API_KEY=x``, ``https://user:password@host`` and values in the
    form of well-known tokens are masked, and the whole is cut to 200 characters.
    """
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if hide_next and not argument.startswith("-"):
            shown.append(_MASK)
            hide_next = False
            continue
        hide_next = False
        if equals and (_SECRET_NAME.search(name) or _SECRET_VALUE.match(value)):
            shown.append(f"{name}={_MASK}")
        elif _SECRET_VALUE.match(argument) or argument.lower().startswith("bearer "):
            shown.append(_MASK)
        else:
            hide_next = argument.startswith("-") and _SECRET_NAME.search(argument) is not None
            shown.append(_USER_INFO.sub(rf"\1{_MASK}@", argument))
    text = " ".join(" ".join(shown).split())
    return text if len(text) <= LONGEST_COMMAND else text[: LONGEST_COMMAND - 1] + "…"


def _arguments_of(pid: int) -> list[str]:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
        if not raw:  # a kernel thread, or a process that has let go of its memory
            return [(_PROC / str(pid) / "comm").read_text(errors="replace").strip()]
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.rstrip(b"\0").split(b"\0")]


def _user_of(pid: int) -> str:
    try:
        return _user_name((_PROC / str(pid)).stat().st_uid)
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _started_at(stat: ProcessStat) -> datetime | None:
    booted_s = _booted_s()
    if booted_s is None:
        return None
    started_s = booted_s + stat.start_ticks / os.sysconf("SC_CLK_TCK")
    return datetime.fromtimestamp(started_s, UTC)


@lru_cache(maxsize=1)
def _booted_s() -> float | None:
    """Return when the host was booted, in seconds since 1970.

    Reference: https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    try:
        lines = (_PROC / "stat").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found: Mapping[str, str] = dict(
        line.split(" ", 1) for line in lines if line.startswith("btime")
    )
    return float(found["btime"]) if "btime" in found else None
