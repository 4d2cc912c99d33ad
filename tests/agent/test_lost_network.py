"""An agent that nobody can reach: for minutes as packets are lost, and for hours by the clock."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from bot.bootstrap.system_clock import SystemClock
from bot.ports.clock import Clock
from bot.protocol.messages import AttemptState, EndCause
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost, until
from tests.agent.test_agent_restart import agent_process
from tests.support.cut_proxy import CutProxy

_CLONE_NEWNET = 0x40000000


class LeapingClock(Clock):
    """The system's clock, some time ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead


async def test_hours_without_a_network_end_softly_and_go_on_afterwards(
    host: GpuHost, control_plane: FakeControlPlane
) -> None:
    clock = host.clock = LeapingClock()
    proxy = CutProxy(control_plane.port)
    await proxy.open()
    host.changed_options = {"control_plane_url": proxy.url}
    async with host.agent():
        wanted = host.attempt(1, data="slow.yaml", run_id=9, epochs=400, ends_in_s=4 * 3600)
        control_plane.want(wanted)
        await until(lambda: len(control_plane.epochs.get(1, ())) >= 3, "three epochs")
        proxy.passing.clear()  # every packet is lost, no connection is refused
        clock.ahead = timedelta(hours=3)
        heard = len(control_plane.epochs[1])
        await asyncio.sleep(0.5)
        assert len(host.processes()) == 1, "its time is not over"
        assert len(control_plane.epochs[1]) <= heard + 200
        clock.ahead = timedelta(hours=4)
        await until(lambda: not host.processes(), "the GPU free, unasked")
        assert 1 not in control_plane.ends
        proxy.passing.set()
        proxy.cut()
        await until(lambda: 1 in control_plane.ends, "the end, told late", 60)
        end = control_plane.ends[1]
        assert end.cause is EndCause.EXPIRED
        assert control_plane.epochs[1] == list(range(1, end.epochs_done + 1))
        assert control_plane.epochs_done[1] == end.epochs_done, "and its checkpoint is kept"
        later = host.attempt(2, run_id=9, fence=2, epochs=end.epochs_done + 3, ends_in_s=8 * 3600)
        control_plane.want(later.model_copy(update={"resume": control_plane.resume_point(1)}))
        await until(lambda: 2 in control_plane.ends, "the run goes on", 60)
        assert control_plane.epochs[2][0] == end.epochs_done + 1
    await proxy.close()


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network of its own, with nothing in it but a loopback device."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    name = f"berth-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("network namespaces are not allowed here")
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def link(namespace: str, state: str) -> None:
    subprocess.run(["ip", "-n", namespace, "link", "set", "lo", state], check=True)


def inside(namespace: str, make: Callable[[], socket.socket]) -> socket.socket:
    """Make a socket in a namespace: it stays there, whoever uses it."""
    made: list[socket.socket | BaseException] = []

    def run() -> None:
        try:
            _enter(namespace)
            made.append(make())
        except BaseException as error:  # noqa: BLE001 - carried over to the one who asked
            made.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _enter(namespace: str) -> None:
    """Move this thread into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/run/netns/{namespace}").open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


@pytest.mark.e2e
async def test_a_network_that_goes_away_and_comes_back(
    host: GpuHost, control_plane: FakeControlPlane, namespace: str
) -> None:
    """Agent and control plane in a network namespace whose link goes down."""
    await control_plane.cut()
    link(namespace, "up")
    door = inside(namespace, lambda: socket.create_server(("127.0.0.1", 0)))
    control_plane.port = door.getsockname()[1]
    runner = await control_plane.runner()
    await web.SockSite(runner, door).start()
    control_plane.want(host.attempt(data="slow.yaml", epochs=40))
    async with agent_process(host, "ip", "netns", "exec", namespace):
        await until(lambda: len(control_plane.epochs.get(1, ())) >= 3, "three epochs", 30)
        link(namespace, "down")
        heard = len(control_plane.reports)
        await asyncio.sleep(2.0)
        assert len(control_plane.reports) <= heard + 1, "nothing comes through"
        assert len(host.processes()) == 1, "and the training does not mind"
        await until(lambda: not host.processes(), "its end, unheard")
        assert 1 not in control_plane.ends
        link(namespace, "up")
        await until(lambda: 1 in control_plane.ends, "the end, told late", 60)
        assert control_plane.ends[1].cause is EndCause.SUCCEEDED
        assert control_plane.epochs[1] == list(range(1, 41))
        assert control_plane.observations[1].state is AttemptState.ENDED
    await runner.cleanup()
    assert host.starts(1) == 1
