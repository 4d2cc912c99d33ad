"""Stops processes that are no trainings of Berth, when the control plane asks for it: once, softly.

Somebody else's work is at stake, so everything is checked again here: the process of that id must
have begun at that instant, must not belong to Berth, and not to root unless the host allows it.
SIGTERM is all that it ever gets.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from bot.agent.gpu_processes import OwnTraining, describe_processes
from bot.agent.proc_fs import identify, read_boot_id, read_stat, send_signal
from bot.domain.processes import StopOutcome
from bot.protocol.messages import GpuProcess, GpuReading, ProcessStopped, ProcessToStop

_log = structlog.get_logger(__name__)
_SAME_START = timedelta(seconds=3)
_PROC = Path("/proc")


class ForeignProcesses:
    """Does what is asked once for each request, and answers for as long as it is asked.

    Args:
        trainings: tells the agent's own trainings, which are never touched here.
        may_stop_root: whether processes of root may be signalled.
    """

    def __init__(
        self, trainings: Callable[[], Iterable[OwnTraining]], *, may_stop_root: bool = False
    ) -> None:
        self._trainings = trainings
        self._may_stop_root = may_stop_root
        self._answers: dict[int, ProcessStopped] = {}

    def stop(self, wanted: Iterable[ProcessToStop]) -> bool:
        """Stop what is wanted and was not dealt with before; tell whether there is news.

        Asking the same again at once changes nothing.
        """
        asked = {one.process_id: one for one in wanted}
        fresh = [one for number, one in asked.items() if number not in self._answers]
        self._answers = {
            number: answer for number, answer in self._answers.items() if number in asked
        }
        for one in fresh:
            outcome = self._stop(one)
            _log.warning(
                "foreign_process_stop", process=one.process_id, pid=one.pid, outcome=outcome.value
            )
            self._answers[one.process_id] = ProcessStopped(
                process_id=one.process_id, outcome=outcome.value
            )
        return bool(fresh)

    def answers(self) -> tuple[ProcessStopped, ...]:
        """Return what came of all that is asked for now, for a report."""
        return tuple(self._answers.values())

    def _stop(self, wanted: ProcessToStop) -> StopOutcome:
        boot_id = read_boot_id()
        identity = identify(wanted.pid, boot_id)
        stat = read_stat(wanted.pid)
        if identity is None or stat is None or stat.is_dead:
            return StopOutcome.GONE
        seen = self._describe(wanted.pid)
        if not _began_at(seen, wanted.started_at):
            return StopOutcome.ANOTHER
        if seen.attempt_id is not None or wanted.pid in (1, os.getpid(), os.getppid()):
            return StopOutcome.OURS
        if not self._may_stop_root and _is_of_root(wanted.pid):
            return StopOutcome.ROOT
        try:
            # The identity is compared once more, with the process held by a descriptor.
            sent = send_signal(identity, signal.SIGTERM, boot_id)
        except PermissionError:
            return StopOutcome.REFUSED
        return StopOutcome.SIGNALLED if sent else StopOutcome.GONE

    def _describe(self, pid: int) -> GpuProcess:
        reading = GpuReading(uuid="any", process_pids=(pid,))
        (described,) = describe_processes((reading,), self._trainings())
        return described.processes[0]


def _began_at(seen: GpuProcess, instant: datetime) -> bool:
    return seen.started_at is not None and abs(seen.started_at - instant) <= _SAME_START


def _is_of_root(pid: int) -> bool:
    """Tell whether a process runs as root; one that cannot be looked at counts as root's."""
    try:
        return (_PROC / str(pid)).stat().st_uid == 0
    except OSError:
        return True
