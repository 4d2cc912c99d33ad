"""An agent as a process of its own, so that a test can kill it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

import structlog

from bot.agent.gpu_choice import choose_probe
from bot.agent.options import AgentOptions
from bot.agent.service import run_agent
from bot.bootstrap.system_clock import SystemClock


async def main() -> None:
    given = json.loads(sys.argv[1])
    for name in ("model_roots", "data_roots"):
        given[name] = tuple(Path(path) for path in given[name])
    given["state_dir"] = Path(given["state_dir"])
    given["trainer_command"] = tuple(given["trainer_command"])
    options = AgentOptions(**given)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    probe = choose_probe("simulated", options.simulated_gpus, options.host_name)
    await run_agent(options, probe, SystemClock(), stop)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    asyncio.run(main())
