"""Runs a stand-in beside synchronous code."""

from __future__ import annotations

import asyncio
import threading
import types
from typing import Self

from bot.ports.clock import Clock
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn

START_S = 15.0


class BackgroundStandIn:
    """A stand-in in a thread of its own, for synchronous tests and scripts.

    Use as a context manager; inside, `base_url` and `api_url` are set. Only what goes over HTTP
    may be used from other threads.
    """

    def __init__(self, clock: Clock, options: StandInOptions | None = None) -> None:
        self._stand_in = SlackStandIn(clock, options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="slack-stand-in")

    @property
    def base_url(self) -> str:
        """Where the console is, without a trailing slash."""
        return self._stand_in.base_url

    @property
    def api_url(self) -> str:
        """What Slack clients take as their `base_url`."""
        return self._stand_in.api_url

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._stand_in.start(), self._loop).result(START_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._stand_in.stop(), self._loop).result(START_S)
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
