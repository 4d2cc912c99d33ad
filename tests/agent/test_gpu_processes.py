"""Who is on a GPU: real processes, and secrets that nobody gets to see."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.agent.gpu_processes import OwnTraining, describe_processes, masked_command
from bot.agent.proc_fs import identify, read_boot_id
from bot.protocol.messages import GpuProcess, GpuReading

SLEEP = "import sys,time;print('up',flush=True);time.sleep(60)"


@contextmanager
def process(*arguments: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [sys.executable, "-S", "-c", SLEEP, *arguments],
        stdout=subprocess.PIPE,
        **options,  # type: ignore[call-overload] # the same options as those of Popen
    )
    try:
        started.stdout.readline()
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def described(pid: int, *trainings: OwnTraining) -> GpuProcess:
    (reading,) = describe_processes([GpuReading(uuid="GPU-a", process_pids=(pid,))], trainings)
    (found,) = reading.processes
    return found


def test_a_process_is_told_with_user_command_and_start() -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    with process("--data", "coco.yaml") as one:
        found = described(one.pid)
    assert found.user == pwd.getpwuid(os.getuid()).pw_name
    assert found.command.endswith("--data coco.yaml")
    assert found.started_at is not None
    assert before <= found.started_at <= datetime.now(UTC) + timedelta(seconds=2)
    assert found.attempt_id is None


def test_a_process_that_is_gone_or_elsewhere_keeps_its_number() -> None:
    with process() as one:
        pid = one.pid
    told = GpuProcess(pid=pid, memory_used_mib=512)
    reading = GpuReading(uuid="GPU-a", process_pids=(pid,), processes=(told,))
    assert describe_processes([reading], ()) == (reading,)


@pytest.mark.parametrize("how", ["mark", "session", "child in a session of its own"])
def test_a_process_of_a_training_is_known_as_such(how: str) -> None:
    environment = {**os.environ, "BERTH_ATTEMPT": "here/5"} if how == "mark" else None
    child = (
        "import subprocess,sys;"
        f"p=subprocess.Popen([sys.executable,'-S','-c',{SLEEP!r}],start_new_session=True,"
        "stdout=subprocess.DEVNULL);print(p.pid,flush=True);p.wait()"
    )
    with process(env=environment, start_new_session=True) as leader:
        identity = identify(leader.pid, read_boot_id())
        training = OwnTraining(5, "here/5", None if how == "mark" else identity)
        other = OwnTraining(6, "here/6", None)
        if how != "child in a session of its own":
            assert described(leader.pid, other, training).attempt_id == 5
            assert described(leader.pid, other).attempt_id is None
            return
    parent = subprocess.Popen(
        [sys.executable, "-S", "-c", child], stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        training = OwnTraining(5, "here/5", identify(parent.pid, read_boot_id()))
        assert described(pid, training).attempt_id == 5
    finally:
        os.kill(pid, 9)
        parent.wait()
        parent.stdout.close()


def test_a_number_that_was_the_leaders_once_is_no_training() -> None:
    with process(start_new_session=True) as one:
        identity = identify(one.pid, read_boot_id())
        assert identity is not None
        later = identity.model_copy(update={"start_ticks": identity.start_ticks + 1000})
        assert described(one.pid, OwnTraining(5, "here/5", later)).attempt_id is None


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["train", "--epochs", "3"], "train --epochs 3"),
        (["x", "--token", "abc", "--epochs", "3"], "x --token *** --epochs 3"),
        (["x", "--hub-token=abc"], "x --hub-token=***"),
        (["x", "--api_key", "-v"], "x --api_key -v"),
        (["WANDB_API_KEY=abc", "x"], "WANDB_API_KEY=*** x"),
        (["x", "model=hf_abcdef"], "x model=***"),
        (["x", "xoxb-1-2"], "x ***"),
        (["curl", "-H", "Bearer abc"], "curl -H ***"),
        (["git", "https://me:pw@host/x"], "git https://***@host/x"),
        (["--password", "a b"], "--password ***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(arguments: list[str], shown: str) -> None:
    assert masked_command(arguments) == shown


def test_a_command_is_cut_and_stands_on_one_line() -> None:
    shown = masked_command(["python", "-c", "a\nb\t" + "c" * 500])
    assert len(shown) == 200
    assert shown.startswith("python -c a b ccc")
    assert shown.endswith("…")
