"""The log of a trainer: bounded under its hands, whole for people."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from bot.agent.trainer_log import GAP, TAIL_BYTES, TrainerLog

SECTION = 10_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trainer.log"


def read_gzip(log: TrainerLog, path: Path) -> bytes:
    packed = path.with_name("trainer.log.gz")
    log.write_gzip(packed)
    return gzip.decompress(packed.read_bytes())


def test_a_short_log_is_left_alone(path: Path) -> None:
    path.write_text("one\ntwo\n")
    log = TrainerLog(path, SECTION)
    assert not log.bound()
    assert log.tail() == ("one", "two")
    assert read_gzip(log, path) == b"one\ntwo\n"


def test_nothing_is_lost_before_there_are_three_sections(path: Path) -> None:
    log = TrainerLog(path, SECTION)
    written = b""
    for letter in (b"a", b"b", b"c"):
        with path.open("ab") as file:
            file.write((letter * 99 + b"\n") * 100)
        written += (letter * 99 + b"\n") * 100
        if letter != b"c":
            assert log.bound()
    assert read_gzip(log, path) == written


def test_of_a_long_log_the_head_and_the_tail_are_kept(path: Path) -> None:
    log = TrainerLog(path, SECTION)
    for number in range(100):
        with path.open("ab") as file:
            file.write(b"%05d %s\n" % (number, b"x" * 993))
        log.bound()
    whole = read_gzip(log, path)
    assert len(whole) <= 3 * SECTION + len(GAP)
    assert whole.startswith(b"00000 ")
    assert GAP in whole
    kept = [int(line[:5]) for line in whole.split(GAP)[1].splitlines() if line[:5].isdigit()]
    assert kept == list(range(kept[0], 100))
    assert len(kept) >= 10


def test_a_log_that_grew_while_no_agent_looked_is_cut_to_its_ends(path: Path) -> None:
    path.write_bytes(b"".join(b"%09d\n" % number for number in range(100_000)))
    log = TrainerLog(path, SECTION)
    assert log.bound()
    whole = read_gzip(log, path)
    assert len(whole) <= 2 * SECTION + len(GAP)
    assert whole.startswith(b"000000000\n")
    assert whole.endswith(b"000099999\n")
    assert log.last_lines(2) == ("000099998", "000099999")


def test_a_writer_in_append_mode_notices_nothing(path: Path) -> None:
    """A real process that writes as fast as it can, cut short many times."""
    code = "import sys\nfor n in range(60000): print(f'{n:07d}', 'y' * 92)\nprint('over')"
    log = TrainerLog(path, 200_000)
    with path.open("ab") as output:
        writer = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=output)
    cuts = 0
    while writer.poll() is None:
        cuts += log.bound()
    assert writer.returncode == 0
    log.bound()
    assert cuts >= 2
    assert log.last_lines(1) == ("over",)
    assert path.stat().st_size <= 6_000_000
    assert b"\0" not in path.read_bytes(), "no hole where the file was cut"


def test_the_tail_reaches_into_the_section_before(path: Path) -> None:
    log = TrainerLog(path, SECTION)
    path.write_text("".join(f"line {number}\n" for number in range(2000)))
    log.bound()
    path.write_text("newest\n")
    assert log.tail()[-3:] == ("line 1998", "line 1999", "newest")


def test_the_tail_is_short(path: Path) -> None:
    path.write_text("".join(f"{number:04d} {'é' * 290}\n" for number in range(100)))
    tail = TrainerLog(path).tail()
    assert sum(len(line.encode()) + 1 for line in tail) <= TAIL_BYTES
    assert tail[-1].startswith("0099")
    path.write_text("".join(f"{number}\n" for number in range(100)))
    assert TrainerLog(path).tail() == tuple(str(number) for number in range(60, 100))


def test_without_a_file_there_are_no_lines(path: Path) -> None:
    assert TrainerLog(path).tail() == ()
    assert not TrainerLog(path).bound()
