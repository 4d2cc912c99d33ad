"""The events file: whole lines, one per event, nothing after the end, no NaN."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.agent.trainer.events import EventLog, SilentSink, finite, shortened
from bot.agent.trainer_contract import TRAINER_EVENT, Ended, Starting, TrainerEvent, Warned
from bot.protocol.messages import EndCause

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_each_event_is_one_json_line_that_the_contract_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events: list[TrainerEvent] = [Starting(at=AT, pid=7), Warned(at=AT, text="two\nlines"), ended()]
    log = EventLog(path)
    for event in events:
        log.emit(event)
    assert [TRAINER_EVENT.validate_json(line) for line in lines(path)] == events


def test_nothing_follows_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.emit(ended())
    log.emit(Warned(at=AT, text="late"))
    log.emit(ended())
    assert [json.loads(line)["event"] for line in lines(path)] == ["ended"]


def test_a_line_torn_by_a_dead_writer_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event":"warn', encoding="utf-8")
    EventLog(path).emit(Starting(at=AT, pid=7))
    torn, whole = lines(path)
    assert torn == '{"event":"warn'
    assert TRAINER_EVENT.validate_json(whole) == Starting(at=AT, pid=7)


def test_two_writers_of_one_file_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first, second = EventLog(path), EventLog(path)
    for number in range(20):
        (first if number % 2 else second).emit(Warned(at=AT, text=str(number)))
    assert [json.loads(line)["text"] for line in lines(path)] == [str(n) for n in range(20)]


def test_an_event_that_met_a_full_disk_comes_with_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.emit(Starting(at=AT, pid=7))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        log.emit(Warned(at=AT, text="first"))
        log.emit(Warned(at=AT, text="second"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    log.emit(ended())
    read = [json.loads(line) for line in lines(path)]
    assert [event.get("text", event["event"]) for event in read] == [
        "starting",
        "first",
        "second",
        "ended",
    ]
    assert "event not written" in capsys.readouterr().err


def test_an_event_survives_a_kill_that_follows_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    script = (
        "import os, sys, signal, pathlib, datetime\n"
        "from bot.agent.trainer.events import EventLog\n"
        "from bot.agent.trainer_contract import Starting\n"
        "log = EventLog(pathlib.Path(sys.argv[1]))\n"
        "log.emit(Starting(at=datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC), pid=7))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert json.loads(lines(path)[0])["event"] == "starting"


def test_values_that_json_does_not_know_are_left_out() -> None:
    values = {"box_loss": 1.23456789, "cls_loss": float("nan"), "dfl_loss": float("inf"), "n": 3}
    assert finite(values) == {"box_loss": 1.234568, "n": 3.0}


def test_text_is_cut_to_the_limit_with_an_ellipsis() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdef", 4) == "abc…"


def test_the_silent_sink_takes_everything() -> None:
    SilentSink().emit(ended())


def test_the_descriptor_is_not_inherited_by_data_loader_processes(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    assert not os.get_inheritable(log._fd)


def ended() -> Ended:
    return Ended(at=AT, cause=EndCause.SUCCEEDED, epochs_done=1)
