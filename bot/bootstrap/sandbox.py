"""The Slack stand-in put together: ``berth sandbox``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn


async def run(options: StandInOptions, on_ready: Callable[[str], None]) -> None:
    """Run the stand-in until SIGTERM or SIGINT; ``on_ready`` is told the console's address."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with SlackStandIn(SystemClock(), options) as stand_in:
        on_ready(stand_in.base_url)
        await stop.wait()
