"""Released means seen free: when the processes of a training are seen to be gone from its GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from bot.protocol.messages import GpuReading

AFTER_THE_LAST_KILL = timedelta(seconds=5)


class Sight(StrEnum):
    """What the GPUs show of a training whose last process has ended."""

    FREE = "free"
    WAITING = "waiting"
    KILL_AGAIN = "kill_again"
    GIVEN_UP = "given_up"


class Departure:
    """Follows one training off its GPUs.

    A driver may keep a dead process's memory for a while, and may list a process that the kernel
    no longer knows; only its own word that nothing is left frees a GPU.
    """

    def __init__(self, attempt_id: int, gpu_uuids: Iterable[str], patience: timedelta) -> None:
        self._attempt_id = attempt_id
        self._gpu_uuids = frozenset(gpu_uuids)
        self._patience = patience
        self._ours: set[int] = set()
        self._left: dict[str, tuple[int, ...]] = {}
        self._read_at: datetime | None = None
        self._killed_again_at: datetime | None = None
        self.gone_at: datetime | None = None

    def own(self, pid: int) -> None:
        """Know a process as one of the training."""
        self._ours.add(pid)

    def begin(self, now: datetime) -> None:
        """Note that the kernel knows no process of the training any more. Idempotent."""
        if self.gone_at is None:
            self.gone_at = now

    def note(self, readings: Iterable[GpuReading], read_at: datetime) -> None:
        """Take note of what the GPUs showed at ``read_at`` or later."""
        seen: dict[str, tuple[int, ...]] = {}
        for reading in readings:
            if reading.uuid in self._gpu_uuids:
                seen[reading.uuid] = tuple(sorted(self._ours_on(reading)))
        if self.gone_at is None or read_at < self.gone_at:
            return
        if seen.keys() == self._gpu_uuids:
            self._left, self._read_at = seen, read_at

    def _ours_on(self, reading: GpuReading) -> set[int]:
        told = {process.pid: process for process in reading.processes}
        ours = {pid for pid, process in told.items() if process.attempt_id == self._attempt_id}
        self._ours |= ours
        for pid in self._ours.intersection(reading.process_pids) - ours:
            started_at = told[pid].started_at if pid in told else None
            # Process ids are used again: one that began later is a stranger.
            if self.gone_at is None or started_at is None or started_at <= self.gone_at:
                ours.add(pid)
        return ours

    @property
    def pids_left(self) -> tuple[int, ...]:
        """The processes that the GPUs still showed at the last look."""
        return tuple(sorted({pid for pids in self._left.values() for pid in pids}))

    def sight(self, now: datetime) -> Sight:
        """Return what is to be done now; only after `begin`."""
        if self._read_at is not None and not self.pids_left:
            return Sight.FREE
        if self.gone_at is None or now < self.gone_at + self._patience:
            return Sight.WAITING
        if self._killed_again_at is None:
            self._killed_again_at = now
            return Sight.KILL_AGAIN
        if now < self._killed_again_at + AFTER_THE_LAST_KILL:
            return Sight.WAITING
        return Sight.GIVEN_UP

    def why_not_free(self) -> str:
        """Return a sentence about GPUs that were handed on without having been seen free."""
        waited_s = (self._patience + AFTER_THE_LAST_KILL).total_seconds()
        if self._read_at is None:
            return (
                f"The driver did not tell within {waited_s:g} s after the end of the training "
                "whether its GPUs are free. Ask the operator to look at the host."
            )
        one = len(self.pids_left) == 1
        pids = ", ".join(map(str, self.pids_left))
        return (
            f"{'Process' if one else 'Processes'} {pids} of this training {'is' if one else 'are'} "
            f"still on its GPUs {waited_s:g} s after its end, though killed. Ask the operator to "
            "look at the host."
        )
