from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.gpu_host import GpuHost


@pytest.fixture
async def control_plane() -> AsyncIterator[FakeControlPlane]:
    server = FakeControlPlane()
    await server.mend()
    yield server
    await server.cut()


@pytest.fixture
def host(tmp_path: Path, control_plane: FakeControlPlane) -> Iterator[GpuHost]:
    made = GpuHost(tmp_path, control_plane)
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)
