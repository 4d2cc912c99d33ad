"""Released means seen free: the agent ends nothing that the driver still shows on a GPU."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from bot.agent.gpus_simulated import SimulatedProbe
from bot.protocol.messages import AttemptState, EndCause, GpuReading
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost, until


class Sticky(SimulatedProbe):
    """A driver that goes on showing processes which were on a GPU, until it lets go of them."""

    def __init__(self) -> None:
        super().__init__(2, "test-host")
        self.shown: dict[str, set[int]] = {}
        self.lets_go = False
        self.reads = 0

    def read(self) -> tuple[GpuReading, ...]:
        self.reads += 1
        readings = []
        for reading in super().read():
            shown = self.shown.setdefault(reading.uuid, set())
            shown.update(reading.process_pids)
            pids = reading.process_pids if self.lets_go else tuple(sorted(shown))
            readings.append(reading.model_copy(update={"process_pids": pids}))
        return tuple(readings)


@pytest.fixture
def sticky(host: GpuHost) -> Iterator[Sticky]:
    host.probe = Sticky()
    yield host.probe
    host.probe.lets_go = True


async def seen_on_its_gpu(control_plane: FakeControlPlane, host: GpuHost) -> int:
    """Wait until the driver has shown the trainer, and return its process id."""
    await until(host.processes, "the trainer")
    (pid,) = host.processes()
    await until(
        lambda: any(
            process.pid == pid and process.attempt_id == 1
            for report in control_plane.reports
            for gpu in report.gpus
            for process in gpu.processes
        ),
        "the trainer on its GPU, known as ours",
    )
    return pid


async def test_it_is_stopping_until_the_driver_shows_its_gpu_free(
    host: GpuHost, sticky: Sticky, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        pid = await seen_on_its_gpu(control_plane, host)
        os.kill(pid, signal.SIGKILL)
        await until(
            lambda: control_plane.observations[1].state is AttemptState.STOPPING, "stopping"
        )
        looks = sticky.reads
        await until(lambda: sticky.reads > looks + 5, "further looks")
        assert 1 not in control_plane.ends
        control_plane.want(host.attempt(2))
        sticky.lets_go = True
        await until(lambda: 1 in control_plane.ends, "the end")
        assert control_plane.ends[1].cause is EndCause.KILLED
        assert "still on" not in control_plane.ends[1].detail
        await until(lambda: 2 in control_plane.ends, "the next one on that GPU")


async def test_what_never_goes_is_named_and_does_not_hold_the_end_for_ever(
    host: GpuHost, sticky: Sticky, control_plane: FakeControlPlane
) -> None:
    host.changed_options = {"seen_free_within_s": 0.5}
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        pid = await seen_on_its_gpu(control_plane, host)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: 1 in control_plane.ends, "the end")
        assert (
            f"Process {pid} of this training is still on its GPUs" in control_plane.ends[1].detail
        )
        assert any(str(pid) in text for text in control_plane.observations[1].warnings)


async def test_a_process_on_a_gpu_is_told_with_user_command_and_start(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    async with host.agent():
        control_plane.want(host.attempt(data="endless.yaml"))
        pid = await seen_on_its_gpu(control_plane, host)
        told = [
            process
            for report in control_plane.reports
            for gpu in report.gpus
            for process in gpu.processes
            if process.pid == pid
        ][-1]
    assert "stub_trainer.py" in told.command
    assert told.user
    assert told.started_at is not None
