"""Stopping processes that are no trainings of Berth, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.agent.foreign_processes import ForeignProcesses
from bot.agent.gpu_processes import OwnTraining, describe_processes
from bot.agent.proc_fs import identify, read_boot_id
from bot.domain.processes import StopOutcome
from bot.protocol.messages import GpuProcess, GpuReading, ProcessToStop
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost, until

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[str]]:
    """A process that sleeps, in a session of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPS],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "up\n"
        yield started
        started.kill()


def seen(pid: int) -> GpuProcess:
    (reading,) = describe_processes((GpuReading(uuid="x", process_pids=(pid,)),), ())
    return reading.processes[0]


def wanted(process: subprocess.Popen[str], number: int = 7, later_s: float = 0.0) -> ProcessToStop:
    started_at = seen(process.pid).started_at
    assert started_at is not None
    return ProcessToStop(
        process_id=number, pid=process.pid, started_at=started_at + timedelta(seconds=later_s)
    )


def outcomes(foreign: ForeignProcesses) -> list[str]:
    return [answer.outcome for answer in foreign.answers()]


def test_it_gets_sigterm_once_and_the_answer_stays_while_it_is_asked(
    stranger: subprocess.Popen[str],
) -> None:
    foreign = ForeignProcesses(tuple, may_stop_root=True)
    ask = wanted(stranger)
    assert foreign.stop((ask,))
    assert outcomes(foreign) == [StopOutcome.SIGNALLED]
    assert stranger.wait(10) == -15
    assert not foreign.stop((ask,)), "the same request is dealt with once"
    assert outcomes(foreign) == [StopOutcome.SIGNALLED]
    foreign.stop(())
    assert foreign.answers() == ()


def test_another_start_is_another_process(stranger: subprocess.Popen[str]) -> None:
    foreign = ForeignProcesses(tuple, may_stop_root=True)
    foreign.stop((wanted(stranger, later_s=60),))
    assert outcomes(foreign) == [StopOutcome.ANOTHER]
    assert stranger.poll() is None


def test_what_is_gone_is_told_so(stranger: subprocess.Popen[str]) -> None:
    ask = wanted(stranger)
    stranger.kill()
    stranger.wait(10)
    foreign = ForeignProcesses(tuple, may_stop_root=True)
    foreign.stop((ask,))
    assert outcomes(foreign) == [StopOutcome.GONE]


def test_a_training_of_berth_is_never_touched(stranger: subprocess.Popen[str]) -> None:
    leader = identify(stranger.pid, read_boot_id())
    ours = OwnTraining(attempt_id=1, mark="BERTH_ATTEMPT=none", leader=leader)
    foreign = ForeignProcesses(lambda: (ours,), may_stop_root=True)
    foreign.stop((wanted(stranger),))
    assert outcomes(foreign) == [StopOutcome.OURS]
    assert stranger.poll() is None


def test_the_agent_itself_is_never_touched() -> None:
    me = seen(os.getpid()).started_at
    assert me is not None
    foreign = ForeignProcesses(tuple, may_stop_root=True)
    foreign.stop((ProcessToStop(process_id=1, pid=os.getpid(), started_at=me),))
    assert outcomes(foreign) == [StopOutcome.OURS]


@pytest.mark.skipif(os.getuid() != 0, reason="only root has processes of root to try it with")
def test_processes_of_root_are_left_alone_by_default(stranger: subprocess.Popen[str]) -> None:
    foreign = ForeignProcesses(tuple)
    foreign.stop((wanted(stranger),))
    assert outcomes(foreign) == [StopOutcome.ROOT]
    assert stranger.poll() is None


async def test_an_agent_stops_it_and_reports_what_came_of_it(
    host: GpuHost, control_plane: FakeControlPlane, stranger: subprocess.Popen[str]
) -> None:
    host.changed_options["stop_root_processes"] = True
    ask = wanted(stranger, number=5)

    def answered() -> list[str]:
        return [
            answer.outcome
            for report in control_plane.reports
            for answer in report.stopped
            if answer.process_id == 5
        ]

    async with host.agent():
        control_plane.want_stopped(ask)
        await until(answered, "the answer")
        assert set(answered()) == {StopOutcome.SIGNALLED}
        await until(lambda: stranger.poll() == -15, "its end")
        control_plane.want_stopped()
        before = len(control_plane.reports)
        await until(
            lambda: any(not report.stopped for report in control_plane.reports[before:]),
            "a report without it",
        )
