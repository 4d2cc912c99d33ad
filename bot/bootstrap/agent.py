"""The agent put together: ``berth agent``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from bot.agent.gpu_choice import choose_probe
from bot.agent.options import AgentOptions, trainer_environment
from bot.agent.service import run_agent
from bot.bootstrap.system_clock import SystemClock
from bot.config import AgentSettings

TRAINER = (sys.executable, "-m", "bot.agent.trainer")


def agent_options(settings: AgentSettings) -> AgentOptions:
    """Return what the agent needs of its settings and of this process's environment."""
    return AgentOptions(
        control_plane_url=settings.control_plane_url,
        token=settings.token.get_secret_value(),
        host_name=settings.host_name,
        state_dir=settings.state_dir.resolve(),
        trainer_command=TRAINER,
        trainer_environment=trainer_environment(os.environ),
        model_roots=tuple(root.resolve() for root in settings.model_roots),
        data_roots=tuple(root.resolve() for root in settings.data_roots),
        gpu_mode=settings.gpus,
        simulated_gpus=settings.simulated_gpus,
        trainer_threads=settings.trainer_threads,
        stop_root_processes=settings.stop_root_processes,
        disk_floor_mib=settings.disk_floor_mib,
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
    )


async def run(settings: AgentSettings) -> None:
    """Run the agent until SIGTERM or SIGINT; trainings go on without it.

    Raises:
        GpuProbeFailed: real GPUs are demanded and the driver does not answer.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    options = agent_options(settings)
    probe = choose_probe(options.gpu_mode, options.simulated_gpus, options.host_name)
    try:
        await run_agent(options, probe, SystemClock(), stop)
    finally:
        probe.close()
