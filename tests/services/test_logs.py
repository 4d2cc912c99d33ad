"""Logs of trainings: the last lines while they run, all of it when they are over."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import NoSuchAttempt, NoTraining, UnknownReservation
from bot.domain.requests import ReserveRequest
from bot.domain.run_logs import FullLog
from bot.protocol.messages import EndCause
from bot.services import booking, log_files, logs, outbox
from bot.services.transaction import UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.outbox import DeliveryKind
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.logged_run import LoggedRun
from tests.support.world import TINY_RUN, a_host, a_member

WISH = ReserveRequest(timedelta(hours=2), run=TINY_RUN)


@pytest.fixture
def run(berth: UseCases, clock: SetClock, tmp_path: Path) -> LoggedRun:
    host_id = a_host(berth, gpus=1)
    berth.write(booking.reserve, a_member(berth), WISH)
    return LoggedRun(berth, clock, host_id, FsspecArtifactStore(str(tmp_path / "files")))


def test_the_lines_of_a_running_training_are_those_of_the_last_report(
    run: LoggedRun, berth: UseCases, clock: SetClock
) -> None:
    alice = a_member(berth)
    before = berth.read(logs.tail, alice)
    assert (before.attempt, before.lines) == (0, ())
    run.start()
    run.tell(*(f"line {number}" for number in range(40)))
    clock.advance(seconds=5)
    run.tell(*(f"line {number}" for number in range(10, 50)))
    view = berth.read(logs.tail, alice)
    assert view.lines == tuple(f"line {number}" for number in range(30, 50))
    assert (view.running, view.whole, view.at) == (True, False, clock.now())
    assert len(berth.read(logs.tail, alice, lines=40).lines) == 40
    assert berth.read(logs.tail, alice, lines=1).lines == ("line 49",)
    assert berth.read(logs.tail, a_member(berth, "U0BOB"), 1, attempt=1).lines == view.lines


def test_the_lines_of_one_that_is_over_are_its_last_words(run: LoggedRun, berth: UseCases) -> None:
    alice = a_member(berth)
    run.start()
    run.tell("earlier")
    run.end(EndCause.DATA_ERROR, "Traceback", "no such file", detail="coco.yaml is missing")
    view = berth.read(logs.tail, alice, 1)
    assert view.lines == ("Traceback", "no such file")
    assert (view.running, view.end_cause) == (False, "data_error")


def test_what_does_not_exist_is_told(run: LoggedRun, berth: UseCases) -> None:
    bob = a_member(berth, "U0BOB")
    with pytest.raises(NoTraining) as none:
        berth.read(logs.tail, bob)
    assert none.value.reservation_id is None
    with pytest.raises(UnknownReservation):
        berth.read(logs.tail, bob, 99)
    run.start()
    with pytest.raises(NoSuchAttempt) as attempt:
        berth.read(logs.tail, bob, 1, attempt=2)
    assert attempt.value.attempts == 1


def test_the_whole_log_goes_into_the_thread_once(run: LoggedRun, berth: UseCases) -> None:
    alice = a_member(berth)
    run.start()
    assert berth.write(logs.ask_for_all, alice).outcome is FullLog.NOT_YET
    run.end(EndCause.CRASHED, "bang")
    assert berth.write(logs.ask_for_all, alice, 1).outcome is FullLog.NONE
    run.keep_log("one\ntwo\n")
    with audited(berth) as trail:
        assert berth.write(logs.ask_for_all, alice, 1).outcome is FullLog.COMES
        assert berth.write(logs.ask_for_all, alice, 1).outcome is FullLog.ON_ITS_WAY
    assert trail.only().action == "run.log_asked"
    sent = [kind for kind in _deliver(berth) if kind is DeliveryKind.LOG]
    assert len(sent) == 1
    assert berth.write(logs.ask_for_all, alice, 1).outcome is FullLog.THERE


def _deliver(berth: UseCases) -> Iterator[DeliveryKind]:
    """Record everything that is due as sent, and yield what it was."""
    while parcels := berth.write(outbox.claim_deliveries, "test"):
        for parcel in parcels:
            berth.write(outbox.record_sent, parcel, "test")
            yield parcel.delivery.kind


def test_a_log_is_unpacked_within_bounds(tmp_path: Path) -> None:
    store = FsspecArtifactStore(str(tmp_path))
    bomb = gzip.compress(b"0123456789abcde\n" * (4 * 2**20))  # 64 MiB in some 64 kB
    store.put("bomb", [bomb])
    tracemalloc.start()
    size = sum(map(len, log_files.unpacked(store.read("bomb"), most_bytes=40 * 2**20)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 40 * 2**20
    assert peak < 8 * 2**20
    text = log_files.text_of_log(store, "bomb")
    assert len(text) <= log_files.LARGEST_UPLOAD_BYTES + 200 + log_files.PIECE_BYTES
    assert text.startswith(b"[the first ")
    assert text.endswith(b"abcde\n")


def test_a_log_in_several_parts_or_broken_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    store = FsspecArtifactStore(str(tmp_path))
    two = gzip.compress(b"one\n") + gzip.compress(b"two\n")
    store.put("two", [two])
    assert log_files.text_of_log(store, "two") == b"one\ntwo\n"
    store.put("cut", [two[:-12]])
    assert log_files.text_of_log(store, "cut").startswith(b"one\n")
    store.put("none", [b"not gzip at all"])
    assert log_files.text_of_log(store, "none") == b"(the log is empty)\n"
