"""Released means seen free: the driver has the last word, for a bounded time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.agent.departure import Departure, Sight
from bot.protocol.messages import GpuProcess, GpuReading

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def reading(*pids: int, uuid: str = "GPU-a", attempt_id: int | None = None) -> GpuReading:
    return GpuReading(
        uuid=uuid,
        process_pids=pids,
        processes=tuple(GpuProcess(pid=pid, attempt_id=attempt_id) for pid in pids),
    )


@pytest.fixture
def departure() -> Departure:
    made = Departure(7, ["GPU-a"], timedelta(seconds=60))
    made.note([reading(11, 12, attempt_id=7)], T0 - timedelta(seconds=9))
    made.begin(T0)
    return made


def test_a_look_from_before_the_end_frees_nothing(departure: Departure) -> None:
    assert departure.sight(T0) is Sight.WAITING
    departure.note([reading()], after(-1))
    assert departure.sight(after(1)) is Sight.WAITING


def test_it_is_free_when_the_driver_shows_it(departure: Departure) -> None:
    departure.note([reading(12)], after(1))
    assert departure.sight(after(1)) is Sight.WAITING
    assert departure.pids_left == (12,)
    departure.note([reading()], after(2))
    assert departure.sight(after(2)) is Sight.FREE


def test_strangers_do_not_keep_it(departure: Departure) -> None:
    departure.note([reading(999)], after(1))
    assert departure.sight(after(1)) is Sight.FREE


def test_a_number_that_was_given_anew_is_a_strangers(departure: Departure) -> None:
    newer = GpuProcess(pid=11, started_at=after(2))
    departure.note([GpuReading(uuid="GPU-a", process_pids=(11,), processes=(newer,))], after(3))
    assert departure.sight(after(3)) is Sight.FREE


def test_every_gpu_must_be_seen() -> None:
    departure = Departure(7, ["GPU-a", "GPU-b"], timedelta(seconds=60))
    departure.begin(T0)
    departure.note([reading()], after(1))
    assert departure.sight(after(1)) is Sight.WAITING
    departure.note([reading(), reading(uuid="GPU-b")], after(2))
    assert departure.sight(after(2)) is Sight.FREE


def test_what_stays_is_killed_once_more_and_then_named(departure: Departure) -> None:
    departure.note([reading(11, 12)], after(30))
    assert departure.sight(after(59)) is Sight.WAITING
    assert departure.sight(after(60)) is Sight.KILL_AGAIN
    assert departure.sight(after(61)) is Sight.WAITING
    assert departure.sight(after(65)) is Sight.GIVEN_UP
    assert "Processes 11, 12 of this training are still on its GPUs" in departure.why_not_free()
    departure.note([reading()], after(66))
    assert departure.sight(after(66)) is Sight.FREE


def test_a_driver_that_does_not_answer_is_not_waited_for_for_ever(departure: Departure) -> None:
    departure.note([], after(1))
    assert departure.sight(after(60)) is Sight.KILL_AGAIN
    assert departure.sight(after(65)) is Sight.GIVEN_UP
    assert "did not tell" in departure.why_not_free()
