"""A process is more than its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.agent.proc_fs import (
    ProcessIdentity,
    find_members,
    identify,
    is_alive,
    read_boot_id,
    read_stat,
    send_signal,
)
from bot.agent.trainer_process import Launch, TrainerProcess

BOOT = read_boot_id()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["sleep", "30"], start_new_session=True, env={"BERTH_ATTEMPT": "mark/1"}
    )
    yield process
    process.kill()
    process.wait()


def identity_of(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    found = identify(process.pid, BOOT)
    assert found is not None
    return found


def test_the_same_number_with_another_start_is_a_stranger(
    sleeper: subprocess.Popen[bytes],
) -> None:
    own = identity_of(sleeper)
    stranger = own.model_copy(update={"start_ticks": own.start_ticks - 1})
    assert is_alive(own, BOOT)
    assert not is_alive(stranger, BOOT)
    assert not send_signal(stranger, signal.SIGKILL, BOOT)
    assert find_members(stranger, "BERTH_ATTEMPT=else/1", BOOT) == ()
    assert sleeper.poll() is None


def test_another_boot_is_another_world(sleeper: subprocess.Popen[bytes]) -> None:
    own = identity_of(sleeper).model_copy(update={"boot_id": "before"})
    assert not is_alive(own, BOOT)
    assert not send_signal(own, signal.SIGKILL, BOOT)
    assert find_members(own, "BERTH_ATTEMPT=else/1", BOOT) == ()


def test_a_zombie_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    own = identity_of(sleeper)
    os.kill(sleeper.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_alive(own, BOOT) and time.monotonic() < deadline:
        time.sleep(0.01)
    stat = read_stat(sleeper.pid)
    assert stat is not None
    assert stat.is_dead
    assert not is_alive(own, BOOT)


def test_members_are_found_by_session_and_by_mark(sleeper: subprocess.Popen[bytes]) -> None:
    own = identity_of(sleeper)
    assert own in find_members(own, "BERTH_ATTEMPT=else/1", BOOT)
    assert own in find_members(None, "BERTH_ATTEMPT=mark/1", BOOT)
    assert find_members(None, "BERTH_ATTEMPT=mark/11", BOOT) == ()  # not a mere prefix


def test_odd_names_do_not_confuse_the_reader(tmp_path: Path) -> None:
    script = tmp_path / "a) S 1 (b"
    script.write_text("#!/bin/sh\nsleep 30\n")
    script.chmod(0o755)
    process = subprocess.Popen([str(script)], start_new_session=True)
    try:
        stat = read_stat(process.pid)
        assert stat is not None
        assert stat.session in (process.pid, os.getsid(0))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_nobody_has_that_number() -> None:
    assert read_stat(2**22 + 1) is None
    assert identify(2**22 + 1, BOOT) is None


def test_a_kill_reaches_the_workers_that_made_a_session_of_their_own(tmp_path: Path) -> None:
    code = (
        "import subprocess,sys,time;"
        "subprocess.Popen(['sleep','30'], start_new_session=True); print('up', flush=True);"
        "time.sleep(30)"
    )
    launch = Launch(
        command=(sys.executable, "-S", "-c", code),
        folder=tmp_path,
        log=tmp_path / "log",
        environment={"PATH": os.defpath},
        mark="workers/1",
    )
    trainer = TrainerProcess.launch(launch)
    deadline = time.monotonic() + 10
    while len(trainer.members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert trainer.kill() == 2
    while trainer.members() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert trainer.members() == ()
    assert not trainer.leader_is_alive()
    assert trainer.exit_code == -signal.SIGKILL
