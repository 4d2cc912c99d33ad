"""The trainer's command line; see `bot.agent.trainer`.

The imports at the top are the standard library alone, and the signal handlers stand before any
other: a stop that arrives while torch is being imported must not be lost.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bot.agent.trainer.stop import StopRequest

if TYPE_CHECKING:
    from bot.agent.trainer.train import Telling
    from bot.agent.trainer_contract import Ended

EXIT_CODES = {"succeeded": 0, "stopped": 75}
"""For people reading a process table; what counts is the last event."""

_OTHER_END = 70


def main(argv: list[str] | None = None) -> int:
    """Train the job of the command line and return the exit code; the end is in the events.

    Raises:
        OSError: The events file cannot be opened: there is no way to tell anything.
    """
    stop = StopRequest()
    stop.install()
    faulthandler.enable()
    given = _parse(argv)
    ended = _train(given, stop)
    return EXIT_CODES.get(ended.cause.value, _OTHER_END)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bot.agent.trainer")
    parser.add_argument("job", type=Path, help="TrainerJob as JSON")
    parser.add_argument("--events-file", type=Path, required=True)
    parser.add_argument("--rank", type=int, help="internal: one process of a multi-GPU training")
    return parser.parse_args(argv)


def _train(given: argparse.Namespace, stop: StopRequest) -> Ended:
    """Tell the start, train, and tell the end as the last thing."""
    from bot.agent.trainer.events import EventLog, SilentSink
    from bot.agent.trainer.ranks import train_as_rank
    from bot.agent.trainer.train import Telling
    from bot.agent.trainer.wall_clock import WallClock
    from bot.agent.trainer_contract import Starting, StopRequested

    clock = WallClock()
    if given.rank is not None:
        sink = EventLog(given.events_file) if given.rank == 0 else SilentSink()
        return train_as_rank(
            given.job, given.events_file, given.rank, Telling(sink, stop, clock, given.rank == 0)
        )
    events = EventLog(given.events_file)
    events.emit(Starting(at=clock.now(), pid=os.getpid()))
    stop.on_request(lambda: events.emit(StopRequested(at=clock.now())))
    ended = _to_the_end(given, Telling(events, stop, clock))
    stop.close()
    events.emit(ended)
    return ended


def _to_the_end(given: argparse.Namespace, telling: Telling) -> Ended:
    """Train the job and return its end, whatever happens."""
    from bot.agent.trainer.ends import classify
    from bot.agent.trainer.environment import prepare_environment
    from bot.agent.trainer.job_file import read_job
    from bot.agent.trainer.ranks import train_on_several
    from bot.agent.trainer.train import run_training
    from bot.agent.trainer_contract import Ended

    try:
        job = read_job(given.job)
        # Beside the job and not in the run's folder, which Ultralytics may clear.
        prepare_environment(given.job.resolve().parent / "cache", job.threads)
        if job.processes > 1:
            return train_on_several(given.job, given.events_file, job, telling)
        return run_training(job, telling)
    except BaseException as error:  # noqa: BLE001 - the edge of the process: every end is told
        end = classify(error)
        return Ended(at=telling.clock.now(), cause=end.cause, detail=end.detail)


def leave(code: int) -> NoReturn:
    """End the process at once: neither data loaders nor a GPU driver's teardown can hang it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler raises for workers we kill
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
