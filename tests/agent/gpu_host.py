"""One GPU host to test an agent on: folders, options, and real processes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.agent.gpus_simulated import SimulatedProbe
from bot.agent.options import AgentOptions
from bot.agent.service import run_agent
from bot.bootstrap.system_clock import SystemClock
from bot.ports.clock import Clock
from bot.protocol.messages import DesiredAttempt, RunSpec, StopReason
from tests.agent.fake_control_plane import TOKEN, FakeControlPlane

STUB = Path(__file__).with_name("stub_trainer.py")
SCRIPTS = {
    "quick.yaml": {"epoch_s": 0.02},
    "slow.yaml": {"epoch_s": 0.1},
    "chatty.yaml": {"epoch_s": 0.02, "log_lines": 200},
    "endless.yaml": {"epoch_s": 30},
    "deaf.yaml": {"epoch_s": 30, "on_sigterm": "ignore", "linger": "session"},
    "deaf-escape.yaml": {"epoch_s": 30, "on_sigterm": "ignore", "linger": "escape"},
    "undead-child.yaml": {"linger": "escape"},
    "crash.yaml": {"finish": "crash"},
    "die.yaml": {"finish": "die"},
    "oom.yaml": {"finish": "oom"},
    "booting.yaml": {"boot_s": 30},
}


class GpuHost:
    """One host's folders, its agent's options, and short ways to say what is wanted."""

    def __init__(self, root: Path, control_plane: FakeControlPlane) -> None:
        self.control_plane = control_plane
        self.state_dir = root / "state"
        self.data = root / "data"
        self.models = root / "models"
        self.models.mkdir(parents=True)
        self.data.mkdir()
        for name, script in SCRIPTS.items():
            (self.data / name).write_text(json.dumps(script))
        self.probe = SimulatedProbe(2, "test-host")
        self.gpus = [gpu.uuid for gpu in self.probe.inventory()]
        self.clock: Clock = SystemClock()
        self.changed_options: dict[str, Any] = {}

    def options(self) -> AgentOptions:
        options = AgentOptions(
            control_plane_url=self.control_plane.url,
            token=TOKEN,
            host_name="test-host",
            state_dir=self.state_dir,
            trainer_command=(sys.executable, "-S", str(STUB)),
            trainer_environment={"PATH": os.defpath},
            model_roots=(self.models,),
            data_roots=(self.data,),
            heartbeat_s=0.2,
            poll_wait_s=5.0,
            tick_s=0.03,
            soft_stop_margin_s=0.3,
            leftover_grace_s=0.3,
            proxies_from_environment=False,
            disk_floor_mib=0,
        )
        return dataclasses.replace(options, **self.changed_options)

    def attempt(
        self,
        attempt_id: int = 1,
        data: str = "quick.yaml",
        *,
        run_id: int | None = None,
        fence: int = 1,
        gpu: int = 0,
        epochs: int = 3,
        ends_in_s: float = 3600,
        stop: StopReason | None = None,
        kill_after_s: float = 5.0,
        model: str = "yolov8n.yaml",
    ) -> DesiredAttempt:
        return DesiredAttempt(
            attempt_id=attempt_id,
            run_id=attempt_id if run_id is None else run_id,
            fence=fence,
            gpu_uuids=(self.gpus[gpu],),
            spec=RunSpec(model=model, data=data, epochs=epochs, imgsz=64, batch=4),
            claim_ends_at=datetime.now(UTC) + timedelta(seconds=ends_in_s),
            stop=stop,
            kill_after_s=kill_after_s,
        )

    def starts(self, attempt_id: int) -> int:
        file = self.data / f"starts-{attempt_id}"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def folder(self, attempt_id: int) -> Path:
        return self.state_dir / "attempts" / str(attempt_id)

    def process_status(self, pid: int) -> dict[str, str]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def command_line(self, pid: int | None) -> str:
        return Path(f"/proc/{pid}/cmdline").read_text()

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        """Run an agent in this process; every training must be over when it is left."""
        stop = asyncio.Event()
        task = asyncio.create_task(run_agent(self.options(), self.probe, self.clock, stop))
        try:
            yield
            if not self.control_plane.port:
                return
            for attempt in list(self.control_plane.attempts.values()):
                self.control_plane.want(attempt.model_copy(update={"kill_after_s": 0.0}))
            self.control_plane.unwant(*list(self.control_plane.attempts))
            if not task.done():
                await until(lambda: not self.processes(), "trainers left behind")
                await asyncio.sleep(0.1)  # lets the agent reap them
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)

    def processes(self) -> list[int]:
        """Return every process of this host's trainings, whatever the agent thinks."""
        file = self.state_dir / "state-id"
        if not file.exists():
            return []
        mark = b"BERTH_ATTEMPT=" + file.read_bytes()
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        return [pid for pid in pids if _has(pid, mark)]


def _has(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


async def until(condition: Callable[[], object], what: str, timeout_s: float = 15.0) -> None:
    """Poll until ``condition`` holds; the deadline is generous because it is never waited out."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.01)
