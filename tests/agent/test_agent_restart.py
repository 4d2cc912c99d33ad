"""The agent as a process that is killed and started again; trainings must not notice."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.protocol.messages import AttemptState, EndCause, StopReason
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost, until

pytestmark = pytest.mark.e2e
SCRIPT = Path(__file__).with_name("agent_process.py")
IDLE_RSS_MIB = 80


def _options(host: GpuHost) -> str:
    fields = {
        field.name: getattr(host.options(), field.name)
        for field in dataclasses.fields(host.options())
    }
    return json.dumps(fields, default=str)


@asynccontextmanager
async def agent_process(host: GpuHost, *before: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an agent as a process of its own; ``before`` are words before its command."""
    log = (host.state_dir.parent / "agent.log").open("ab")
    with log:
        process = await asyncio.create_subprocess_exec(
            *before, sys.executable, str(SCRIPT), _options(host), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_epochs(control_plane: FakeControlPlane, count: int) -> None:
    await until(lambda: len(control_plane.epochs.get(1, ())) >= count, f"{count} epochs")


async def test_a_killed_agent_takes_its_training_up_again(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="slow.yaml", epochs=16))
    async with agent_process(host):
        await until_epochs(control_plane, 2)
        pid = control_plane.observations[1].pid
    assert host.processes() == [pid]  # the agent was killed, the trainer was not
    async with agent_process(host):
        await until(lambda: 1 in control_plane.ends, "the end")
        assert control_plane.ends[1].cause is EndCause.SUCCEEDED
        assert control_plane.observations[1].pid == pid
        assert control_plane.epochs[1] == list(range(1, 17))
    assert host.starts(1) == 1


async def test_an_agent_that_is_asked_to_stop_leaves_its_trainings_running(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="endless.yaml"))
    async with agent_process(host) as process:
        await until(host.processes, "the trainer")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert len(host.processes()) == 1


async def test_a_training_that_ended_in_between_is_told_of(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="slow.yaml", epochs=8))
    async with agent_process(host):
        await until_epochs(control_plane, 2)
    await until(lambda: not host.processes(), "the training's end, without an agent")
    async with agent_process(host):
        await until(lambda: 1 in control_plane.ends, "the end")
    assert control_plane.ends[1].cause is EndCause.SUCCEEDED
    assert control_plane.epochs[1] == list(range(1, 9))
    assert control_plane.history.index("artifact 1 results.png") < control_plane.history.index(
        "end 1"
    )


async def test_a_trainer_that_vanished_in_between_is_a_crash_and_not_started_again(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="endless.yaml"))
    async with agent_process(host):
        await until(lambda: host.starts(1) == 1, "the trainer")
        await until(lambda: 1 in control_plane.observations, "a report")
    os.kill(host.processes()[0], signal.SIGKILL)
    async with agent_process(host):
        await until(lambda: 1 in control_plane.ends, "the end")
    assert control_plane.ends[1].cause is EndCause.CRASHED
    assert host.starts(1) == 1


async def test_a_pid_that_is_a_strangers_now_is_neither_adopted_nor_signalled(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="endless.yaml"))
    record = host.state_dir / "records" / "1.json"
    async with agent_process(host):
        await until(lambda: record.exists() and '"leader":{' in record.read_text(), "the record")
    os.kill(host.processes()[0], signal.SIGKILL)
    stranger = await asyncio.create_subprocess_exec("sleep", "30", start_new_session=True)
    try:
        written = json.loads(record.read_text())
        written["leader"]["pid"] = stranger.pid
        written["stop"] = "requested"
        written["stop_sent_at"] = datetime.now(UTC).isoformat()
        record.write_text(json.dumps(written))
        async with agent_process(host):
            await until(lambda: 1 in control_plane.ends, "the end")
        assert "sleep" in host.command_line(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_lost_record_costs_neither_the_training_nor_a_second_one(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="slow.yaml", epochs=12))
    record = host.state_dir / "records" / "1.json"
    async with agent_process(host):
        await until_epochs(control_plane, 2)
    record.write_text(record.read_text()[:40])
    async with agent_process(host):
        await until(lambda: 1 in control_plane.ends, "the end")
    assert control_plane.ends[1].cause is EndCause.SUCCEEDED
    assert control_plane.epochs[1] == list(range(1, 13))
    assert host.starts(1) == 1
    assert record.with_name("1.json.bad").exists()


async def test_a_training_without_record_that_nobody_wants_is_killed(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="deaf-escape.yaml"))
    record = host.state_dir / "records" / "1.json"
    async with agent_process(host):
        await until(lambda: len(host.processes()) == 2, "the trainer and its child")
    record.write_text("{")
    control_plane.unwant(1)
    async with agent_process(host):
        await until(lambda: not host.processes(), "both killed")
        await until(lambda: not host.folder(1).exists(), "the files gone")


async def test_a_stop_that_was_recorded_but_not_sent_is_sent(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    wanted = host.attempt(data="endless.yaml", kill_after_s=60)
    control_plane.want(wanted)
    record = host.state_dir / "records" / "1.json"

    def running() -> bool:
        seen = control_plane.observations.get(1)
        return seen is not None and seen.state is AttemptState.RUNNING

    async with agent_process(host):
        await until(running, "the training")
    written = json.loads(record.read_text())
    written["stop"] = StopReason.PREEMPTED.value
    written["stop_sent_at"] = datetime.now(UTC).isoformat()
    record.write_text(json.dumps(written))
    async with agent_process(host):
        await until(lambda: 1 in control_plane.ends, "the end")
    assert control_plane.ends[1].cause is EndCause.STOPPED


async def test_a_claim_that_ended_while_no_agent_ran_is_honoured_at_once(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    control_plane.want(host.attempt(data="endless.yaml", ends_in_s=3, kill_after_s=1))
    async with agent_process(host):
        await until(host.processes, "the trainer")
        await until(lambda: 1 in control_plane.observations, "a report")
    await control_plane.cut()
    async with agent_process(host):
        await until(lambda: not host.processes(), "the GPU free")


async def test_an_agent_that_is_asked_to_stop_reports_once_more_and_ends_at_once(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    host.changed_options = {"heartbeat_s": 60.0}
    control_plane.want(host.attempt(data="endless.yaml"))
    async with agent_process(host) as process:
        await until(lambda: 1 in control_plane.observations, "a report")
        await asyncio.sleep(0.5)  # the reports of the start are over
        heard = len(control_plane.reports)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert len(control_plane.reports) > heard
    assert len(host.processes()) == 1


async def test_beside_a_training_the_agent_uses_next_to_nothing(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    """With the intervals of a real host; the bound is generous, docs/operations.md has figures."""
    host.changed_options = {"heartbeat_s": 5.0, "tick_s": 0.5, "poll_wait_s": 25.0}
    control_plane.want(host.attempt(data="slow.yaml", epochs=1000))
    async with agent_process(host) as process:
        await until_epochs(control_plane, 5)
        before_s, began_s = _processor_s(process.pid), time.monotonic()
        await asyncio.sleep(6)
        used = (_processor_s(process.pid) - before_s) / (time.monotonic() - began_s)
        assert used < 0.10, f"{used:.1%} of a core"


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_the_agent_is_small(host: GpuHost, control_plane: FakeControlPlane) -> None:
    control_plane.want(host.attempt(data="endless.yaml"))
    async with agent_process(host) as process:
        await until(lambda: 1 in control_plane.observations, "a report")
        status = host.process_status(process.pid)
        rss_mib = int(status["VmRSS"].split()[0]) / 1024
        assert rss_mib < IDLE_RSS_MIB, f"{rss_mib:.0f} MiB"
