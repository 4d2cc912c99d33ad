"""Several processes train as one: stopped together, none left behind, one end for all."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.agent.trainer import ranks
from bot.agent.trainer.events import SilentSink
from bot.agent.trainer.ranks import RankGroup, end_file
from bot.agent.trainer.stop import StopRequest
from bot.agent.trainer.train import Telling
from bot.agent.trainer_contract import Ended
from bot.ports.clock import Clock
from bot.protocol.messages import EndCause

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITS_FOR_SIGTERM = "import signal; signal.sigwait([signal.SIGTERM])"
WAITS_FOR_EVER = "import signal; signal.sigwait([signal.SIGUSR1])"
BLOCK_SIGTERM = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"


class StoppedClock(Clock):
    def now(self) -> datetime:
        return AT


class Asked(StopRequest):
    """A stop request that has already come, without a signal."""

    @property
    def requested(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_POLL_S", 0.01)
    monkeypatch.setattr(ranks, "_REST_AFTER_FAILURE_S", 0.2)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[RankGroup]:
    made = RankGroup(StopRequest(), tmp_path / "events.jsonl", port=0)
    yield made
    made.kill()


def start(group: RankGroup, script: str, end: Ended | None = None) -> None:
    """Start the next rank, deaf to SIGTERM unless it waits for it.

    It leaves ``end`` before it runs ``script``.
    """
    path = end_file(group.events_file, len(group.processes))
    leave = f"open({str(path)!r}, 'w').write({end.model_dump_json()!r})\n" if end else ""
    group.start([sys.executable, "-c", BLOCK_SIGTERM + leave + script], {})


def finish(group: RankGroup) -> Ended:
    group.wait()
    group.kill()
    assert all(process.poll() is not None for process in group.processes)
    return group.end(Telling(SilentSink(), group.stop, StoppedClock()))


def ended(cause: EndCause, detail: str = "") -> Ended:
    return Ended(at=AT, cause=cause, detail=detail, epochs_done=2)


def test_the_first_rank_tells_the_end_of_a_good_training(group: RankGroup) -> None:
    for name in ("first", "second"):
        start(group, "", ended(EndCause.SUCCEEDED, name))
    assert finish(group).detail == "first"


def test_the_failure_of_one_rank_is_the_end_of_all(group: RankGroup) -> None:
    start(group, WAITS_FOR_EVER)
    start(group, "", ended(EndCause.OUT_OF_MEMORY, "rank 1"))
    before = time.monotonic()
    assert finish(group).cause is EndCause.OUT_OF_MEMORY
    assert time.monotonic() - before < 10


def test_a_rank_that_vanishes_is_told_with_its_signal(group: RankGroup) -> None:
    start(group, WAITS_FOR_EVER)
    start(group, "import os; os.kill(os.getpid(), 9)")
    end = finish(group)
    assert end.cause is EndCause.KILLED
    assert end.detail.startswith("The process of GPU 1 was killed by SIGKILL. The other processes")


def test_who_has_only_lost_another_is_not_taken_for_the_cause(group: RankGroup) -> None:
    start(group, "", ended(EndCause.CRASHED, "RuntimeError: Connection closed by peer"))
    start(group, "import os; os.kill(os.getpid(), 9)")
    for process in group.processes:
        process.wait()
    assert finish(group).detail.startswith("The process of GPU 1 was killed by SIGKILL")


def test_a_cause_of_its_own_comes_first(group: RankGroup) -> None:
    start(group, "import os; os.kill(os.getpid(), 6)")
    start(group, "", ended(EndCause.OUT_OF_MEMORY, "rank 1"))
    for process in group.processes:
        process.wait()
    assert finish(group).cause is EndCause.OUT_OF_MEMORY


def test_a_stop_reaches_every_rank(tmp_path: Path) -> None:
    group = RankGroup(Asked(), tmp_path / "events.jsonl", port=0)
    for _ in range(2):
        start(group, WAITS_FOR_SIGTERM, ended(EndCause.STOPPED))
    for process, path in zip(group.processes, _ends(group), strict=True):
        deadline = time.monotonic() + 10
        while not path.exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert finish(group).cause is EndCause.STOPPED


def _ends(group: RankGroup) -> list[Path]:
    return [end_file(group.events_file, rank) for rank in range(len(group.processes))]


def test_an_end_of_an_earlier_attempt_is_not_believed(group: RankGroup) -> None:
    end_file(group.events_file, 0).write_text(ended(EndCause.SUCCEEDED).model_dump_json())
    group.start([sys.executable, "-c", ""], {})
    assert finish(group).cause is EndCause.CRASHED
