"""Events are read as they come, however they are torn; logs only at their end."""

from __future__ import annotations

import json
from pathlib import Path

from bot.agent.events_file import EventsFile, read_log_tail
from bot.agent.trainer_contract import Starting
from bot.agent.trainer_view import TrainerView

AT = "2026-11-23T12:00:00+00:00"


def starting(pid: int) -> bytes:
    return json.dumps({"event": "starting", "at": AT, "pid": pid}).encode()


def epoch(number: int) -> bytes:
    progress = {"epoch": number, "epochs": 9, "epoch_s": 1.0, "at": AT}
    return json.dumps({"event": "epoch_finished", "progress": progress}).encode() + b"\n"


def test_a_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventsFile(path)
    assert reader.read_new() == []  # not there yet
    line = starting(5)
    path.write_bytes(line[:20])
    assert reader.read_new() == []
    path.write_bytes(line + b"\n" + line[:7])
    (event,) = reader.read_new()
    assert isinstance(event, Starting)
    assert event.pid == 5
    assert reader.read_new() == []
    path.write_bytes(line + b"\n" + line + b"\n")
    assert len(reader.read_new()) == 1


def test_lines_that_mean_nothing_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b'garbage\n\n{"event":"from_a_newer_release"}\n\xff\xfe\n' + starting(1) + b"\n"
    )
    assert len(EventsFile(path).read_new()) == 1


def test_an_endless_line_does_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + starting(1) + b"\n")
    assert len(EventsFile(path).read_new()) == 1


def test_reading_goes_on_from_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(starting(1) + b"\n")
    first = EventsFile(path)
    first.read_new()
    with path.open("ab") as file:
        file.write(starting(2) + b"\n")
    (event,) = EventsFile(path, first.offset).read_new()
    assert isinstance(event, Starting)
    assert event.pid == 2


def test_acknowledged_epochs_are_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(map(epoch, range(1, 6))))
    view = TrainerView()
    view.acknowledge(2)
    view.fold(EventsFile(path).read_new())
    assert [one.epoch for one in view.unacknowledged(2)] == [3, 4]
    view.acknowledge(4)
    assert [one.epoch for one in view.unacknowledged(9)] == [5]
    assert view.epochs_done == 5


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # sparse
        file.seek(0, 2)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(100)))
    assert read_log_tail(path) == tuple(f"line {number}" for number in range(80, 100))


def test_a_progress_bar_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_bytes(b"1/3 10%\r1/3 50%\r1/3 100%\r\ndone \xff\n" + b"y" * 500)
    tail = read_log_tail(path)
    assert tail[:2] == ("1/3 100%", "done \N{REPLACEMENT CHARACTER}")
    assert len(tail[2]) == 300
    assert read_log_tail(tmp_path / "absent") == ()
