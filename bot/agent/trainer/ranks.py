"""Train on several GPUs: one process per GPU, started, stopped and outlived by this one.

Ultralytics would start ``torchrun`` itself.  Its workers survive the death of their parent, give
a stopped training 30 seconds and hide which of them failed.  Here every rank is this same program:
it handles SIGTERM, dies with its parent, and leaves its end in a file of its own.  Only the first
rank tells events; the end is told by the parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bot.agent.trainer.environment import prepare_environment
from bot.agent.trainer.job_file import read_job
from bot.agent.trainer.stop import StopRequest
from bot.agent.trainer.train import Telling, run_training
from bot.agent.trainer_contract import Ended, TrainerJob
from bot.protocol.messages import EndCause

_POLL_S = 0.1
_REST_AFTER_GOOD_END_S = 60.0
_REST_AFTER_FAILURE_S = 5.0
_GOOD_ENDS = (EndCause.SUCCEEDED, EndCause.STOPPED)


def train_on_several(job_file: Path, events_file: Path, job: TrainerJob, telling: Telling) -> Ended:
    """Start one process per GPU, wait for all, and return the end of the whole.

    When one has left, the others get a moment and are then killed: a missing rank would keep
    them waiting in a collective operation for hours.

    Raises:
        OSError: A process cannot be started; those already started are killed.
    """
    group = RankGroup(telling.stop, events_file)
    try:
        for rank in range(job.processes):
            group.start(
                _command(job_file, events_file, rank), _variables(rank, job.processes, group.port)
            )
        group.wait()
    finally:
        group.kill()
    return group.end(telling)


def train_as_rank(job_file: Path, events_file: Path, rank: int, telling: Telling) -> Ended:
    """Be one process of a training on several GPUs; leaves the end in a file and returns it.

    Raises:
        JobFileError: The job cannot be read.
        OSError: The end cannot be written.
    """
    _die_with_parent()
    job = read_job(job_file)
    prepare_environment(job_file.resolve().parent / "cache", job.threads)
    ended = run_training(job, telling)
    end_file(events_file, rank).write_text(ended.model_dump_json(), encoding="utf-8")
    return ended


def end_file(events_file: Path, rank: int) -> Path:
    """Return where a rank leaves its end."""
    return events_file.with_name(f"{events_file.name}.rank{rank}.json")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RankGroup:
    """The processes of one training, by rank."""

    stop: StopRequest
    events_file: Path
    port: int = field(default_factory=_free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    """Ranks in the order in which they ended by themselves."""

    def start(self, command: list[str], variables: dict[str, str]) -> None:
        """Start the next rank, in this process's own group, so that one signal reaches all."""
        end_file(self.events_file, len(self.processes)).unlink(missing_ok=True)
        self.processes.append(subprocess.Popen(command, env=os.environ | variables))  # noqa: S603 - our own program

    def wait(self) -> None:
        """Return when all ranks have ended or the patience with the rest is over."""
        forwarded = False
        deadline: float | None = None
        while len(self.left) < len(self.processes):
            for rank, process in enumerate(self.processes):
                if rank not in self.left and process.poll() is not None:
                    self.left.append(rank)
                    good = self._read(rank) is not None and self._good(rank)
                    rest_s = _REST_AFTER_GOOD_END_S if good else _REST_AFTER_FAILURE_S
                    deadline = min(deadline or float("inf"), time.monotonic() + rest_s)
            if self.stop.requested and not forwarded:
                forwarded = True
                for process in self.processes:
                    process.terminate()
            if deadline is not None and time.monotonic() > deadline:
                return
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """Kill what still runs and reap it."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()

    def end(self, telling: Telling) -> Ended:
        """Return the end of the whole: what went wrong first, else what the first rank says.

        A failure with a cause of its own comes before a process that is gone, and that before the
        complaints of others who have lost it: all of them may leave within one look.
        """
        failed = [rank for rank in self.left if not self._good(rank)]
        if not failed:
            return self._read(0) or self._vanished(0, telling)
        told = {rank: self._read(rank) for rank in failed}

        def how_telling(rank: int) -> int:
            ended = told[rank]
            if ended is None:
                return 1
            return 2 if ended.cause is EndCause.CRASHED else 0

        first = min(failed, key=how_telling)
        return told[first] or self._vanished(first, telling)

    def _good(self, rank: int) -> bool:
        ended = self._read(rank)
        return ended is not None and ended.cause in _GOOD_ENDS

    def _read(self, rank: int) -> Ended | None:
        try:
            return Ended.model_validate_json(end_file(self.events_file, rank).read_bytes())
        except (OSError, ValueError):
            return None

    def _vanished(self, rank: int, telling: Telling) -> Ended:
        code = self.processes[rank].returncode
        others = "The other processes cannot go on without it and were ended, too."
        if code >= 0:
            said = f"The process of GPU {rank} ended with status {code} and no report. {others}"
            return Ended(at=telling.clock.now(), cause=EndCause.CRASHED, detail=said)
        name = _signal_name(-code)
        hint = " Often this is the kernel, when the memory of the host is full."
        said = f"The process of GPU {rank} was killed by {name}. {others}"
        return Ended(
            at=telling.clock.now(),
            cause=EndCause.KILLED,
            detail=said + (hint if name == "SIGKILL" else ""),
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _command(job_file: Path, events_file: Path, rank: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "bot.agent.trainer",
        str(job_file),
        "--events-file",
        str(events_file),
        "--rank",
        str(rank),
    ]


def _variables(rank: int, world: int, port: int) -> dict[str, str]:
    """Return what torch.distributed and Ultralytics read to find their place."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, however it dies."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, see prctl(2)
    ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
